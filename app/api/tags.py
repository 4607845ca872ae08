"""The tags of the API, in the order of the document."""

from enum import StrEnum
from typing import Final

from app.arr.registry import REGISTRY, all_apps

_LABELS: Final = ", ".join(REGISTRY[app_type].label for app_type in all_apps())


class Tag(StrEnum):
    """One per router; client generators make a module or a class of each."""

    SYSTEM = "system"
    AUTH = "auth"
    STATS = "stats"
    SETTINGS = "settings"
    INSTANCES = "instances"
    HUNTING = "hunting"
    PROWLARR = "prowlarr"
    SWAPARR = "swaparr"
    MOVIE_HUNT = "movie-hunt"
    SCHEDULES = "schedules"
    NOTIFICATIONS = "notifications"
    LOGS = "logs"
    BACKUP = "backup"
    EVENTS = "events"
    WEBHOOKS = "webhooks"


DESCRIPTIONS = {
    Tag.SYSTEM: "Liveness, readiness, version and metrics of the process.",
    Tag.AUTH: "Owner, sessions, API keys, two-factor login and the audit trail.",
    Tag.STATS: "Statistics for dashboards, and counts per day for charts.",
    Tag.SETTINGS: "General settings and the hunting defaults of each app.",
    Tag.INSTANCES: f"The installations of {_LABELS} to work with.",
    Tag.HUNTING: "Hunts, their plan, history, cooldowns and caps.",
    Tag.PROWLARR: "Indexers behind Prowlarr: what was asked of them, by whom, and what is left for hunts.",
    Tag.SWAPARR: "Stuck downloads: what is watched, what was decided, and why.",
    Tag.MOVIE_HUNT: "A small movie grabber: library, searches, releases, downloads and imports.",
    Tag.SCHEDULES: "Actions at fixed times or intervals.",
    Tag.NOTIFICATIONS: "Connections to notification providers, and deliveries.",
    Tag.LOGS: "Log entries: search, export, delete.",
    Tag.BACKUP: "Create, download, upload and restore backups.",
    Tag.EVENTS: "The event stream.",
    Tag.WEBHOOKS: "Incoming calls of the apps, and of the user's own buttons and automations.",
}
