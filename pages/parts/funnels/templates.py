"""Funnels that publishers ask first, each also split by the modal that was shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pipeline.questions.funnel import Funnel

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A named funnel. `spec` is as in a URL; its range is the default one."""

    name: str
    spec: Spec

    def funnel(self, now: datetime, zone: ZoneInfo) -> Funnel:
        return Funnel.parse(self.spec, now=now, zone=zone)

    @property
    def href(self) -> str:
        """Where the page shows it."""
        return f"?funnel={quote(json.dumps(self.spec, separators=(',', ':')), safe='')}"


def _shown(modal: str) -> Spec:
    return {"event": "Modal Displayed", "filters": [f"modal is {modal}"]}


def _made(name: str, *steps: Spec, by: str | None = None) -> Template:
    spec: Spec = {"steps": list(steps), "window": "7d"}
    if by is not None:
        spec["breakdown"] = by
    return Template(name, {**spec, "range": "14D"})


_ANY_MODAL: Spec = {"event": "Modal Displayed"}
_VIEWED: Spec = {"event": "Page Viewed"}
_REGISTERED: Spec = {"event": "Registered"}
_SUBSCRIBED: Spec = {"event": "Subscribed"}
_NEWSLETTER: Spec = {"event": "Newsletter Subscribed"}

TEMPLATES = (
    _made("Page viewed → Registered → Subscribed", _VIEWED, _REGISTERED, _SUBSCRIBED),
    _made("Meter → Register → Subscribe", _shown("meter"), _REGISTERED, _SUBSCRIBED),
    _made("Newsletter", _shown("newsletter"), _NEWSLETTER),
    _made("Modal → Register → Subscribe, split by modal", _ANY_MODAL, _REGISTERED, _SUBSCRIBED, by="modal"),
    _made("Modal → Newsletter, split by modal", _ANY_MODAL, _NEWSLETTER, by="modal"),
)
