"""The chapters of the API, in the order in which the document shows them."""

from enum import StrEnum


class Tag(StrEnum):
    """One a router; generators make a module or a class of each."""

    SYSTEM = "system"
    AUTH = "auth"
    STATS = "stats"
    SETTINGS = "settings"
    INSTANCES = "instances"
    HUNTING = "hunting"
    SCHEDULES = "schedules"
    NOTIFICATIONS = "notifications"
    LOGS = "logs"
    BACKUP = "backup"
    PROWLARR = "prowlarr"
    SWAPARR = "swaparr"
    MOVIE_HUNT = "movie_hunt"
    EVENTS = "events"
    WEBHOOKS = "webhooks"


DESCRIPTIONS = {
    Tag.SYSTEM: "Is the process alive, ready, and of which version.",
    Tag.AUTH: "First owner, sessions, API keys, second factor and the audit trail.",
    Tag.STATS: "The one answer that dashboards poll, and counts per day for charts.",
    Tag.SETTINGS: "General settings and the hunting defaults of each app.",
    Tag.INSTANCES: "The Sonarr, Radarr, Lidarr, Readarr, Whisparr and Prowlarr installations to work with.",
    Tag.HUNTING: "Hunts, their plan, history, cooldowns and caps.",
    Tag.SCHEDULES: "What happens at which time.",
    Tag.NOTIFICATIONS: "Who is told of what, and what was delivered.",
    Tag.LOGS: "Log entries: search, export, clean up.",
    Tag.BACKUP: "Make, keep, download and restore backups.",
    Tag.PROWLARR: "Indexers and their budgets, as Prowlarr knows them.",
    Tag.SWAPARR: "Stalled downloads: strikes and removals.",
    Tag.MOVIE_HUNT: "Our own search, download and import of movies.",
    Tag.EVENTS: "Everything that happens, as a stream.",
    Tag.WEBHOOKS: "Calls from the apps and from buttons and automations of the user.",
}
