"""What Movie Hunt's reading of names and its decisions take."""

import time
from datetime import UTC, datetime

from app.indexers.models import Protocol
from app.movie_hunt.decisions.facts import GrabRules, MovieFacts, Offer
from app.movie_hunt.decisions.judging import judge
from app.movie_hunt.profiles import PreferredWord, ProfileDocument, rules_of
from app.releases.reader import MAX_NAME_LENGTH, read_release_name
from scripts.bench.figures import Figure, Sizes
from scripts.processes import ChildProcesses

RELEASES = 1000
WORDS = 100
NOW = datetime(2026, 11, 26, tzinfo=UTC)
ODD = (
    "a.",
    "(",
    "1999 ",
    "[a]",
    "S01",
    "x264.",
    "GERMAN.DL.",
    "Extended.",
    "[www.",
    "Collection ",
    "25th.",
    "- ",
    "1-2 ",
)


def thousand_releases(_processes: ChildProcesses, _sizes: Sizes) -> list[Figure]:
    """Seconds for a thousand releases with a hundred words in the profile, and for the slowest of odd names."""
    kinds = ("1080p.BluRay", "720p.WEB-DL", "2160p.UHD.BluRay")
    names = [f"Iron.Meadow.{2015 + n % 8}.{kinds[n % 3]}.x264-G{n}" for n in range(RELEASES)]
    words = [PreferredWord(word=f"/word{number}[a-z]/", score=number) for number in range(WORDS)]
    profile = rules_of(ProfileDocument(preferred_words=words))
    began = time.perf_counter()
    offers = [
        Offer(read_release_name(name), name, 1, Protocol.TORRENT, size=8 * 1024**3, seeders=number)
        for number, name in enumerate(names)
    ]
    judge(offers, MovieFacts("Iron Meadow", 2019, runtime_minutes=100), profile, GrabRules(now=NOW))
    taken = time.perf_counter() - began
    slowest = max(_milliseconds(part * MAX_NAME_LENGTH) for part in ODD)
    return [
        Figure(f"{RELEASES} releases read, decided and ranked", f"{taken:.2f} s", "< 5 s", taken < 5),
        Figure(f"the slowest name of {MAX_NAME_LENGTH} characters", f"{slowest:.1f} ms", "< 20 ms", slowest < 20),
    ]


def _milliseconds(name: str) -> float:
    began = time.perf_counter()
    read_release_name(name)
    return (time.perf_counter() - began) * 1000
