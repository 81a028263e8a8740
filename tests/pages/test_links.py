"""Export links: for one person, one sign-in, one question, and a while."""

from __future__ import annotations

from dataclasses import replace

import pytest
from itsdangerous import TimestampSigner
from streamlit import config

from pages.parts.access.identity import THIS_MACHINE, NotAdmitted, Person
from pages.parts.access.links import GOOD_FOR, signed, unsigned
from pages.parts.access.roles import Role

ANA = Person("ana@example.com", Role.ANALYST, "a" * 64)
QUERY = "range=14D&f=event%20is%20Registered&as_of=7"


@pytest.fixture(autouse=True)
def _secret() -> None:
    config.set_option("server.cookieSecret", "of tests")


def _parts(address: str) -> tuple[str, str]:
    path, _, query = address.partition("?")
    return f"/{path}", query


def test_a_link_gives_its_maker_exactly_what_it_asks_for() -> None:
    path, query = _parts(signed(f"export/events.csv?{QUERY}", ANA))
    assert unsigned(path, query, ANA) == QUERY
    path, query = _parts(signed("export/rejected.csv", ANA))
    assert unsigned(path, query, ANA) == ""


def _other_signature(query: str) -> str:
    """Its first letter changed: of the last one not every bit counts."""
    head, dot, signature = query.rpartition(".")
    return f"{head}{dot}{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


@pytest.mark.parametrize(
    "change",
    [
        lambda path, query: (path.replace("csv", "xlsx"), query),
        lambda path, query: (path, query.replace("14D", "90D")),
        lambda path, query: (path, query.replace("as_of=7", "as_of=8")),
        lambda path, query: (path, query.replace("&f=event%20is%20Registered", "")),
        lambda path, query: (path, f"f=ip%20is%2010.0.0.1&{query}"),
        lambda path, query: (path, query.partition("&for=")[0]),
        lambda path, query: (path, _other_signature(query)),
        lambda path, query: (path, f"{query}&for="),
        lambda path, query: (path, f"{query}&page=2"),
        lambda path, query: (path, ""),
    ],
)
def test_a_link_that_was_changed_gives_nothing(change: object) -> None:
    path, query = change(*_parts(signed(f"export/events.csv?{QUERY}", ANA)))  # type: ignore[operator]
    with pytest.raises(NotAdmitted, match="not yours, or is too old"):
        unsigned(path, query, ANA)


def test_a_copied_link_gives_nothing_to_somebody_else_nor_after_another_sign_in() -> None:
    path, query = _parts(signed(f"export/events.csv?{QUERY}", ANA))
    for other in (replace(ANA, session="b" * 64), Person("b@example.com", Role.OWNER, "c" * 64)):
        with pytest.raises(NotAdmitted):
            unsigned(path, query, other)


def test_a_link_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    path, query = _parts(signed(f"export/events.csv?{QUERY}", ANA))
    later = TimestampSigner("x").get_timestamp() + GOOD_FOR + 2
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: later)
    with pytest.raises(NotAdmitted):
        unsigned(path, query, ANA)


def test_without_sign_in_links_stay_short() -> None:
    assert signed(f"export/events.csv?{QUERY}", THIS_MACHINE) == f"export/events.csv?{QUERY}"
    assert unsigned("/export/events.csv", QUERY, THIS_MACHINE) == QUERY
