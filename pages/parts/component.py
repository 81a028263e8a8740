"""Our own components: each is a script and a style sheet in pages/assets, mounted with data as JSON.

Values reach the page as JSON and become text nodes there; none is ever part of HTML, CSS or Markdown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).parent.parent / "assets"

Action = dict[str, Any]


@lru_cache(maxsize=32)
def _joined(*names: str) -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def mount(
    name: str,
    *,
    key: str,
    data: dict[str, Any],
    scripts: tuple[str, ...] = (),
    on_action: Callable[[Action], None] | None = None,
    width: Any = "stretch",
) -> None:
    """Draw component `name` (assets/NAME.js, assets/NAME.css, shared code before them).

    What the reader does in it arrives as a small dict in `on_action`, before the script runs again.
    """
    draw = st.components.v2.component(
        f"activity_{name}",
        html='<div class="root"></div>',
        css=_joined("base.css", f"{name}.css"),
        js=_joined("dom.js", *scripts, f"{name}.js"),
    )

    def acted() -> None:
        action = st.session_state[key].get("action")
        if on_action is not None and isinstance(action, dict):
            on_action(action)

    draw(key=key, data=data, width=width, on_action_change=acted)
