"""What is published: all retained messages of a moment, and events. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.core.schemas import rfc3339
from app.dashboard.schemas import InstanceStatsOut
from app.home_assistant.devices import InstanceDevice, Snapshot
from app.home_assistant.entities import (
    COUNTERS,
    INSTANCE_EVENTS,
    OTHER_EVENTS,
    Json,
    huntarr_config,
    instance_config,
)
from app.home_assistant.settings import MqttTarget
from app.home_assistant.topics import OFF, ON, Topics


def retained_messages(target: MqttTarget, found: Snapshot, version: str) -> dict[str, bytes]:
    """All retained messages by topic, each device before its state."""
    topics = Topics(target)
    documents: Json = {
        topics.config(): huntarr_config(topics, found.public_url, version),
        topics.state(): _totals(found),
    }
    for instance in found.instances:
        documents[topics.config(instance.id)] = instance_config(topics, instance, found.public_url, version)
        documents[topics.state(instance.id)] = _state(instance)
    return {topic: _json(document) for topic, document in documents.items()}


def event_message(target: MqttTarget, event: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Topic and payload for a message of the event stream; None for events that Home Assistant does not get."""
    topics, name, data = Topics(target), event["type"], event["data"]
    if name not in INSTANCE_EVENTS and name not in OTHER_EVENTS:
        return None
    instance_id = data["instance_id"] if name in INSTANCE_EVENTS else None
    more = {"event_type": name, "level": event["level"], "timestamp": event["timestamp"]}
    return topics.event(instance_id), _json({**data, **more})


def _totals(found: Snapshot) -> Json:
    return {
        "paused": ON if found.pause.paused else OFF,
        "paused_until": rfc3339(found.pause.until) if found.pause.until else None,
        "pause_minutes": _minutes_left(found),
        "totals": found.stats.totals.model_dump(mode="json"),
        "queued": found.stats.queue.queued,
        "running": found.stats.queue.running,
    }


def _minutes_left(found: Snapshot) -> int | None:
    """0 without a pause, None when it has no end."""
    if not found.pause.paused:
        return 0
    return math.ceil((found.pause.until - found.now).total_seconds() / 60) if found.pause.until else None


def _state(instance: InstanceDevice) -> Json:
    """Null for what is not known yet: the template then gives `None`, which Home Assistant shows as unknown."""
    if instance.swaparr is not None:
        return {"enabled": instance.enabled, **asdict(instance.swaparr)}
    online = None if instance.online is None else ON if instance.online else OFF
    state = {"enabled": instance.enabled, "online": online, "error": instance.error}
    return state if instance.stats is None else state | _hunting(instance.stats)


def _hunting(stats: InstanceStatsOut) -> Json:
    shown = stats.model_dump(mode="json")
    return {
        **{key: shown[key] for key, *_ in COUNTERS},
        "missing": stats.missing_total,
        "cutoff": stats.cutoff_total,
        "queue": stats.queue_total,
        "searches_this_hour": stats.searches_this_hour,
        "searches_left": _searches_left(stats),
        "last_hunt": shown["last_hunt_at"],
        "next_hunt": shown["next_hunt_at"],
    }


def _searches_left(stats: InstanceStatsOut) -> int | None:
    """Of the cap that is nearer; None without a cap."""
    caps = ((stats.hourly_cap, stats.searches_this_hour), (stats.daily_cap, stats.searches_today))
    return min((max(0, cap - used) for cap, used in caps if cap), default=None)


def _json(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
