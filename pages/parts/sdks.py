"""What to write where, to send events here: the snippet, and the change of host in the SDKs one may already have.

Every code is tried against the real SDK and the real collector in tests/contract/clients.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.snippet import snippet
from pipeline.state import Kind

PLACEHOLDER: dict[Kind, str] = {"browser": "YOUR_BROWSER_KEY", "server": "YOUR_SERVER_KEY"}  # until there is a key


@dataclass(frozen=True, slots=True)
class Code:
    """A text to copy; `note` says what it does beyond the obvious."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sending events: a tab."""

    id: str
    label: str
    intro: str
    codes: tuple[Code, ...]

    def record(self) -> dict[str, Any]:
        return asdict(self)


def ways(kind: Kind, base: str, key: str) -> tuple[Way, ...]:
    """All ways for a key of this kind, the likeliest first."""
    if kind == "browser":
        return (_website(base, key), *(_sdk(name, "browser", base, key) for name in _SDKS), _curl(base, key, kind))
    return (*(_sdk(name, "server", base, key) for name in _SDKS), _curl(base, key, kind))


def _website(base: str, key: str) -> Way:
    calls = """\
activity.track("Video Played", { video: "Harbour at dawn" });
activity.identify("cus_42", { email: "reader@example.com", name: "Ada" });
"""
    return Way(
        "website",
        "Any website",
        "Paste these two lines into the <head> of every page. Page views, campaigns, reading time and Pelcro’s modals, "
        "registrations and subscriptions arrive without another line.",
        (
            Code("HTML, in the <head>", snippet(base, key)),
            Code("JavaScript, only if you want more", calls, "Your own events, and who is signed in."),
        ),
    )


_SdkName = Literal["segment", "rudderstack", "jitsu"]
_SDKS: dict[_SdkName, str] = {"segment": "Segment", "rudderstack": "RudderStack", "jitsu": "Jitsu"}
_NOTES: dict[_SdkName, str] = {
    "jitsu": "Jitsu wants something behind the colon. It never sends again what failed once.",
}


def _sdk(name: _SdkName, kind: Kind, base: str, key: str) -> Way:
    label = _SDKS[name]
    filled = tuple(
        Code(title, text.replace("{base}", base).replace("{key}", key), _NOTES.get(name, ""))
        for title, text in _CODES[name, kind]
    )
    return Way(name, label, f"Keep {label}’s SDK and every call you make to it. Only what is marked changes.", filled)


_CODES: dict[tuple[_SdkName, Kind], tuple[tuple[str, str], ...]] = {
    ("segment", "browser"): (
        (
            "JavaScript · @segment/analytics-next",
            """\
import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({
  writeKey: "{key}",
  cdnURL: "{base}",
});
analytics.page();
""",
        ),
    ),
    ("segment", "server"): (
        (
            "Python · segment-analytics-python",
            """\
import segment.analytics as analytics

analytics.write_key = "{key}"
analytics.host = "{base}"

analytics.track("cus_42", "Subscription Renewed", {"plan": "Digital Monthly"})
analytics.flush()
""",
        ),
        (
            "Node · @segment/analytics-node",
            """\
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({
  writeKey: "{key}",
  host: "{base}",
});
analytics.track({ userId: "cus_42", event: "Subscription Renewed" });
await analytics.closeAndFlush();
""",
        ),
    ),
    ("rudderstack", "browser"): (
        (
            "JavaScript · @rudderstack/analytics-js",
            """\
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const rudder = new RudderAnalytics();
rudder.load("{key}", "{base}", {
  configUrl: "{base}",
});
rudder.page();
""",
        ),
    ),
    ("rudderstack", "server"): (
        (
            "Python · rudder-sdk-python",
            """\
import rudderstack.analytics as rudder

rudder.write_key = "{key}"
rudder.dataPlaneUrl = "{base}"

rudder.track("cus_42", "Subscription Renewed", {"plan": "Digital Monthly"})
rudder.flush()
""",
        ),
        (
            "Node · @rudderstack/rudder-sdk-node",
            """\
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const rudder = new RudderAnalytics("{key}", {
  dataPlaneUrl: "{base}",
});
rudder.track({ userId: "cus_42", event: "Subscription Renewed" });
rudder.flush();
""",
        ),
    ),
    ("jitsu", "browser"): (
        (
            "JavaScript · @jitsu/js",
            """\
import { jitsuAnalytics } from "@jitsu/js";

const jitsu = jitsuAnalytics({
  host: "{base}",
  writeKey: "{key}:x",
});
jitsu.page();
""",
        ),
    ),
    ("jitsu", "server"): (
        (
            "Node · @jitsu/js",
            """\
import { jitsuAnalytics } from "@jitsu/js";

const jitsu = jitsuAnalytics({
  host: "{base}",
  writeKey: "{key}:x",
  s2s: true,
});
await jitsu.identify("cus_42");
await jitsu.track("Subscription Renewed", { plan: "Digital Monthly" });
""",
        ),
    ),
}


def _curl(base: str, key: str, kind: Kind) -> Way:
    text = f"""\
curl {base}/v1/track -u {key}: -H 'Content-Type: application/json' \\
  -d '{{"event": "Hello", "anonymousId": "my-first-visitor", "properties": {{"from": "curl"}}}}'
"""
    secret = " Keep the key out of your shell’s history." if kind == "server" else ""
    return Way(
        "curl", "Try it now", f"One event from a terminal, to see that the way is open.{secret}", (Code("Shell", text),)
    )
