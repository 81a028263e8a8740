"""Reads one visit a line and sends it: a page, a track and an identify call. Run with the collector and a key."""

from __future__ import annotations

import json
import sys

import rudderstack.analytics as analytics

analytics.dataPlaneUrl, analytics.write_key = sys.argv[1:]

for line in sys.stdin:
    visit = json.loads(line)
    who = {"user_id": visit["userId"], "anonymous_id": visit["anonymousId"], "context": visit["context"]}
    analytics.page(properties={**visit["properties"], **visit["context"]["page"]}, **who)
    analytics.track(event="Article Read", properties=visit["properties"], **who)
    analytics.identify(traits=visit["traits"], **who)
    analytics.flush()
