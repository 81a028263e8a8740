"""A reader's browser: the tabs of a fresh profile, what is kept there, and what is done in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.browser.activity_js.reading import Event


@dataclass(slots=True)
class Reader:
    """A fresh profile; what its pages threw and warned of."""

    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def tab(self) -> Page:
        opened = self.context.new_page()
        opened.set_default_timeout(15_000)
        opened.on("pageerror", lambda error: self.errors.append(str(error)))
        opened.on("console", lambda said: self.warnings.append(said.text) if said.type == "warning" else None)
        return opened


def kept(page: Page) -> dict[str, str]:
    """What the browser keeps for the site."""
    return dict(page.evaluate("() => ({...localStorage})"))


def queued(page: Page) -> list[Event]:
    """The events that wait in the browser, the one due first before the others."""
    return [json.loads(text) for name, text in sorted(kept(page).items()) if name.startswith("activity.q.")]


def emptied(tab: Page) -> None:
    """Wait until nothing is queued any more."""
    tab.wait_for_function("() => !Object.keys(localStorage).some((name) => name.startsWith('activity.q.'))")


def hide(page: Page, hidden: bool = True) -> None:
    """As when the reader goes to another tab, and comes back."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
            document.dispatchEvent(new Event('visibilitychange'))
        }""",
        hidden,
    )


def announce(page: Page, name: str, detail: Any = None) -> None:
    """Dispatch one of Pelcro's DOM events."""
    page.evaluate(
        "([name, detail]) => document.dispatchEvent(new CustomEvent(name, { detail }))", [f"Pelcro{name}", detail]
    )


def ids(events: list[Event]) -> list[str]:
    return [event["messageId"] for event in events]
