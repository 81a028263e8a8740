"""A person's profile: who they are, in figures, and the panel that sums them up."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from pages.parts import answers, panel, words
from pages.parts.figures import tile, tiles
from pages.parts.serving import Moment
from pipeline.questions.customers import Device, Place, Profile
from pipeline.questions.view import View

_RULE = (
    "All events of this person over all time: those with their customer ID, and those of their visitor IDs from "
    "before they registered. A session is a run of events with no gap of more than 30 minutes."
)
_SHOWN = 6  # places and devices listed


def title(profile: Profile, *, masked: bool) -> str:
    known = None if masked else profile.name or profile.email
    return known or profile.customer_id or "Anonymous visitor"


def figures(profile: Profile, zone: ZoneInfo) -> None:
    """When they were seen and registered, and how much they did."""
    items = [
        tile("Events", f"{profile.events:,}"),
        tile("Sessions", f"{profile.sessions:,}"),
        tile("First seen", f"{profile.first_seen.astimezone(zone):%-d %b %Y}", _clock(profile.first_seen, zone)),
        tile("Last seen", f"{profile.last_seen.astimezone(zone):%-d %b %Y}", _clock(profile.last_seen, zone)),
    ]
    for name in ("Registered", "Subscribed"):
        times = [moment.occurred_at for moment in profile.moments if moment.event == name]
        first = min(times) if times else None
        when = f"{first.astimezone(zone):%-d %b %Y}" if first else "Not seen"
        items.append(tile(name, when, _clock(first, zone) if first else "", "good" if first else ""))
    tiles(items, key="person", label="This person in figures")


def _clock(at: Any, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S} {words.zone_name(zone, at)}"


def summary(profile: Profile, view: View, now: Moment) -> dict[str, Any]:
    """The panel's data: the chart and top values of the view, and what only a person has."""
    glance = answers.glance(now.snapshot, view)
    sessions = [
        {
            "text": words.short_time(session.start, view),
            "note": f"{words.counted(session.events, 'event')}, {words.lasting(session.end - session.start)}",
        }
        for session in profile.latest_sessions[:_SHOWN]
    ]
    moments = [
        {
            "text": moment.event,
            "event": moment.event,
            "note": words.short_time(moment.occurred_at, view),
            "action": {"do": "open", "id": moment.event_id},
        }
        for moment in profile.moments[:_SHOWN]
    ]
    lists = [
        {"title": "Registered and subscribed", "items": moments},
        {"title": "Latest sessions", "items": sessions},
        {"title": "Places", "items": [_counted(_place(place), count) for place, count in profile.places[:_SHOWN]]},
        {"title": "Devices", "items": [_counted(_device(device), count) for device, count in profile.devices[:_SHOWN]]},
        {"title": "Linked visitor IDs", "items": [{"text": each, "note": ""} for each in profile.anonymous_ids]},
    ]
    facets = [facet for facet in panel.facets(glance) if facet["field"] in {"event", "path", "domain"}]
    return {
        "heading": "This person at a glance",
        "total": glance.total,
        "tiles": [],
        "histogram": panel.bars(glance, view),
        "lists": lists,
        "facets": facets,
        "how": {"rule": _RULE, "commands": [panel.command(view, now)]},
    }


def _counted(text: str, count: int) -> dict[str, str]:
    return {"text": text, "note": f"{count:,}"}


def _place(place: Place) -> str:
    return " · ".join(part for part in (place.city, place.region, place.country) if part) or "Not known"


def _device(device: Device) -> str:
    return " · ".join(part for part in (device.device, device.browser, device.os) if part) or "Not known"
