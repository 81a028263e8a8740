"""What is written on the main buttons, and where the pointer is, can be read: in the light theme and in the dark.

By the contrast that WCAG 2 defines, of which its level AA wants 4.5.
"""

from __future__ import annotations

import re
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.conftest import settle, visit

pytestmark = pytest.mark.browser
ENOUGH = 4.5
BACKGROUND = """element => {
    let at = element;
    for (;;) {
        const colour = getComputedStyle(at).backgroundColor;
        if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        at = at.parentElement ?? at.getRootNode().host;
    }
}"""


def _light(colour: str) -> float:
    """Relative luminance of `rgb(…)` or, as mixed colours are told, `color(srgb …)`."""
    of = 1 if colour.startswith("color(srgb") else 255
    parts = [float(part) / of for part in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(button: Locator) -> float:
    text = str(button.evaluate("element => getComputedStyle(element).color"))
    lights = sorted((_light(text), _light(str(button.evaluate(BACKGROUND)))))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_main_buttons_can_be_read(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    visit(page, "/")
    export = page.get_by_role("button", name=re.compile("^Export"))
    assert _contrast(export) >= ENOUGH
    export.hover()
    assert _contrast(export) >= ENOUGH
    computed = page.locator(".st-key-computed button").first
    computed.hover()
    page.wait_for_timeout(500)  # Streamlit fades from one colour into the other
    assert _contrast(computed) >= ENOUGH
    page.goto("/install")
    make = page.get_by_role("button", name="Make the key")
    make.wait_for()
    settle(page)
    assert _contrast(make) >= ENOUGH
