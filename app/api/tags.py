"""The tags of the API, in the order of the document."""

from enum import StrEnum


class Tag(StrEnum):
    """One per router; client generators make a module or a class of each."""

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
    EVENTS = "events"
    WEBHOOKS = "webhooks"


DESCRIPTIONS = {
    Tag.SYSTEM: "Liveness, readiness, version and metrics of the process.",
    Tag.AUTH: "Owner, sessions, API keys, two-factor login and the audit trail.",
    Tag.STATS: "Statistics for dashboards, and counts per day for charts.",
    Tag.SETTINGS: "General settings and the hunting defaults of each app.",
    Tag.INSTANCES: "The Sonarr, Radarr, Lidarr, Readarr, Whisparr and Prowlarr installations to work with.",
    Tag.HUNTING: "Hunts, their plan, history, cooldowns and caps.",
    Tag.SCHEDULES: "Actions at fixed times or intervals.",
    Tag.NOTIFICATIONS: "Connections to notification providers, and deliveries.",
    Tag.LOGS: "Log entries: search, export, delete.",
    Tag.BACKUP: "Create, download, upload and restore backups.",
    Tag.EVENTS: "The event stream.",
    Tag.WEBHOOKS: "Incoming calls of the apps, and of the user's own buttons and automations.",
}
