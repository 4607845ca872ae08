"""Reading a scrape as Prometheus would."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from httpx import AsyncClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.metrics.services import MetricsServices
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

Key = tuple[str, frozenset[tuple[str, str]]]

_TEXT = re.compile(r'"[^"]*"')
_MATCHERS = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_LABELS = re.compile(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORD = re.compile(r"(?<![\w.$])[a-zA-Z_][a-zA-Z0-9_:]*(?!\s*\(|[\w:])")
_OPERATORS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "e"})


@dataclass
class Scraped:
    """Samples by name and labels; families by name."""

    families: dict[str, Metric] = field(default_factory=dict)
    samples: dict[Key, float] = field(default_factory=dict)

    @classmethod
    def of(cls, families: Iterable[Metric]) -> "Scraped":
        found = cls()
        for family in families:
            assert family.name not in found.families, f"{family.name} twice"
            found.families[family.name] = family
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found.samples, key
                found.samples[key] = sample.value
        return found

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}

    def value(self, name: str, **labels: str) -> float:
        """The only sample with these labels among others."""
        [found] = self.values(name, **labels).values()
        return found

    def values(self, name: str, **labels: str) -> dict[Key, float]:
        wanted = set(labels.items())
        return {key: number for key, number in self.samples.items() if key[0] == name and wanted <= key[1]}

    def total(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels).values())

    def labels_of(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}


def parsed(text: str, reader: Callable[[str], Iterable[Metric]] = text_string_to_metric_families) -> Scraped:
    return Scraped.of(reader(text))


def renewed(rig: Rig) -> None:
    """Empty the cache of the metrics, as after five seconds."""
    own = rig.container
    metrics = MetricsServices.build(own.infra, own.settings, own.metrics.traffic)
    rig.container = replace(own, metrics=metrics)


async def scraped(rig: Rig, headers: Mapping[str, str] | None = None) -> Scraped:
    """A scrape of a gateway."""
    renewed(rig)
    async with rig.gateway() as client:
        return await asked(client, headers)


async def asked(client: AsyncClient, headers: Mapping[str, str] | None = None) -> Scraped:
    reply = await client.get("/metrics", headers=headers)
    assert reply.status_code == 200, reply.text
    return parsed(reply.text)


async def hunted(rig: Rig) -> dict[str, int]:
    """Instances of several apps that hunted and imported until their caps were used up."""
    made = {}
    for name in ("sonarr", "radarr", "lidarr"):
        app = rig.simulated(name, LibrarySpec(series=20, movies=60, artists=20, cutoff_share=0.3))
        for item_id in sorted(app.library.missing_ids())[::2]:
            app.searcher.force(item_id, "import")
        instance = await rig.add(app, name=f'My "{name}"', hourly_cap=6, missing_batch=4)
        made[name] = instance.id
        await rig.hunt(instance)
        rig.clock.forward(minutes=30)
        await rig.container.hunting.follow_up.run(instance.id)
        await rig.hunt(instance)
    return made


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in a PromQL expression."""
    for part in (_TEXT, _MATCHERS, _RANGE, _LABELS):
        expression = part.sub(" ", expression)
    return {word for word in _WORD.findall(expression) if word.lower() not in _OPERATORS}
