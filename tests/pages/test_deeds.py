"""What only owners may: a button drawn for one does nothing for who is none any more, and each deed is noted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import erasing, serving, writekeys
from pages.parts.access import session
from pages.parts.access.gate import PERSON
from pages.parts.access.identity import Person
from pages.parts.access.roles import Role
from pages.parts.health import files, rejected
from pages.parts.installed import state
from pipeline.state import WriteKey
from tests.pages.anew import forget_installation
from tests.pages.asking import answer

OLIVIA = Person("olivia@example.com", Role.OWNER, "")
PATIENCE = 60


@pytest.fixture
def looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Person]]:
    """Whoever looks, in a list of one, so that a test can change what they are."""
    monkeypatch.setenv("ACTIVITY_DATA", str(tmp_path))
    forget_installation()
    current = [OLIVIA]
    for module in (session, serving, erasing, writekeys, rejected):
        monkeypatch.setattr(module, "person", lambda: current[0])
    yield current
    forget_installation()


def _page() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from pages.parts import erasing, writekeys
    from pages.parts.health.rejected import draw_replay
    from pages.parts.installed import state

    erasing.draw_erase(SimpleNamespace(customer_id="cus_1"))  # type: ignore[arg-type]
    draw_replay("Replay", "line.not_json")
    writekeys.draw_form(True)
    for key in state().keys.all():
        st.button("End it", key=f"end_{key.id}", on_click=writekeys._end, args=(key,))


def _do(page: AppTest, name: str) -> None:
    if name == "erase":
        page.text_input(key="erase_typed").set_value("cus_1").run()
    if name == "key made":
        page.text_input(key="key_name").set_value("Shop")
    label = {"erase": "Erase for good", "replay": "Replay", "key made": "Make the key", "key revoked": "End it"}[name]
    next(button for button in page.button if button.label == label).click()


def _changed() -> list[object]:
    upkeep, keys = state().upkeep, state().keys.all()
    return [set(upkeep.asked("erase")), set(upkeep.asked("replay")), [key.id for key in keys]]


def _key() -> WriteKey:
    return state().keys.make("site", kind="browser", name="Site", origins=[], at=datetime.now(UTC)).key


DEEDS = ["erase", "replay", "key made", "key revoked"]


@pytest.mark.parametrize("name", DEEDS)
def test_an_owner_s_deed_is_done_and_noted(looking: list[Person], name: str) -> None:
    key = _key()
    page = AppTest.from_function(_page, default_timeout=PATIENCE).run()
    before = _changed()
    _do(page, name)
    page.run()
    assert not page.exception
    assert _changed() != before
    [deed] = state().audit.last(9)
    assert (deed.who, deed.act) == (OLIVIA.email, name)
    told = {"erase": "the customer ", "replay": "line.not_json", "key made": "a browser key of shop"}
    assert told.get(name, f"{key.id}, a browser key of site") in deed.about
    assert "cus_1" not in deed.about


@pytest.mark.parametrize("name", DEEDS)
def test_who_was_an_owner_when_the_page_was_drawn_may_not_any_more(looking: list[Person], name: str) -> None:
    _key()
    page = AppTest.from_function(_page, default_timeout=PATIENCE).run()
    before = _changed()
    _do(page, name)
    looking[0] = replace(OLIVIA, role=Role.ANALYST)
    page.run()
    assert _changed() == before
    assert state().audit.count() == 0


class _As:
    """Middleware that says who asks, as the gate does."""

    def __init__(self, app: object, who: Person) -> None:
        self._app, self._who = app, who

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        await self._app({**scope, PERSON: self._who}, receive, send)  # type: ignore[operator]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.ANALYST, 200), (Role.OWNER, 200)])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_viewer_gets_no_rejected_lines_by_a_link_from_when_they_were_more(
    looking: list[Person], suffix: str, role: Role, status: int
) -> None:
    assert looking
    got = answer(files.ROUTES, f"/export/rejected.{suffix}", _As, who=replace(OLIVIA, role=role))
    assert got.status == status
    assert state().audit.count() == (status == 200)
