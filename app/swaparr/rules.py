"""The settings of a policy as the rules of the decision."""

from datetime import timedelta

from app.settings.swaparr import CauseSettings, IgnoreRule, PrivateTorrents, SwaparrSettings
from app.swaparr.stuck_rules import BY_BYTES, Cause, CauseRule, Exemption, StuckRules

KILOBYTE = 1000
GIGABYTE = 1000**3


def rules_of(settings: SwaparrSettings) -> StuckRules:
    configured = {cause: getattr(settings, cause.value) for cause in (*BY_BYTES, Cause.FAILED_IMPORT)}
    return StuckRules(
        causes={cause: _cause_rule(own, settings) for cause, own in configured.items()},
        interval=timedelta(minutes=settings.interval_minutes),
        slow_below=settings.slow_below_kbps * KILOBYTE,
        max_eta=timedelta(hours=settings.max_eta_hours),
        ignore_above=settings.ignore_above_gb * GIGABYTE,
        skips_private=settings.private_torrents is PrivateTorrents.SKIP,
        extensions=frozenset(f".{ending.removeprefix('.')}" for ending in settings.malicious_extensions),
        name_patterns=tuple(settings.name_patterns),
        transmission_min_stuck=timedelta(minutes=settings.transmission_min_stuck_minutes),
        skip_clients=frozenset(name.lower() for name in settings.skip_clients),
        exemptions=tuple(_exemption(rule) for rule in settings.ignore),
    )


def _cause_rule(own: CauseSettings, settings: SwaparrSettings) -> CauseRule:
    strikes = settings.max_strikes if own.max_strikes is None else own.max_strikes
    minutes = settings.min_stuck_minutes if own.min_stuck_minutes is None else own.min_stuck_minutes
    return CauseRule(own.enabled, strikes, timedelta(minutes=minutes))


def _exemption(rule: IgnoreRule) -> Exemption:
    return Exemption(
        indexer=rule.indexer,
        client=rule.client,
        name_pattern=rule.name_pattern,
        above_bytes=None if rule.above_gb is None else rule.above_gb * GIGABYTE,
        done_share=None if rule.done_percent is None else rule.done_percent / 100,
        min_stuck=None if rule.min_stuck_minutes is None else timedelta(minutes=rule.min_stuck_minutes),
    )
