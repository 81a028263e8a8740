"""Who is let in by what a provider says of them, and of which cookies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from pages.parts.access import identity
from pages.parts.access.identity import NotAdmitted, admit, claims_of, end
from pages.parts.access.roles import AllowList, Role
from pages.parts.installed import state
from tests.pages.anew import forget_installation

ORIGIN = "https://activity.example.com"
ALLOWED = AllowList({"ana@example.com": Role.ANALYST, "@viewers.example": Role.VIEWER})
ANA: dict[str, Any] = {"is_logged_in": True, "email": "ana@example.com", "email_verified": True, "sub": "1"}


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ACTIVITY_DATA", str(tmp_path))
    monkeypatch.setattr(identity, "get_origin_from_redirect_uri", lambda: ORIGIN)
    config.set_option("server.cookieSecret", "of tests")
    forget_installation()
    yield
    forget_installation()


def test_who_is_listed_and_confirmed_is_let_in() -> None:
    assert admit(ANA, ALLOWED).role is Role.ANALYST
    assert admit({**ANA, "email": "vera@viewers.example"}, ALLOWED).role is Role.VIEWER


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_logged_in": False}, "not signed in"),
        ({"is_logged_in": "true"}, "not signed in"),
        ({"email": None}, "no email"),
        ({"email": ["ana@example.com"]}, "no email"),
        ({"email_verified": False}, "not confirmed"),
        ({"email_verified": None}, "not confirmed"),
        ({"email_verified": "false"}, "not confirmed"),
        ({"email_verified": 1}, "not confirmed"),
        ({"email": "eve@example.com"}, "may not see"),
    ],
)
def test_nobody_else_is(change: dict[str, Any], said: str) -> None:
    with pytest.raises(NotAdmitted, match=said):
        admit({**ANA, **change}, ALLOWED)


def test_one_sign_in_ends_by_itself() -> None:
    admit(ANA, ALLOWED)
    end(ANA)
    with pytest.raises(NotAdmitted, match="signed out"):
        admit(ANA, ALLOWED)
    assert admit({**ANA, "iat": 2}, ALLOWED).email == "ana@example.com", "another sign-in of the same person"
    assert state().sign_outs.has(admit({**ANA, "iat": 2}, ALLOWED).session) is False


def test_what_is_no_sign_in_cannot_be_ended() -> None:
    """Else anybody could fill the database."""
    end({**ANA, "is_logged_in": "yes"})
    end({})
    assert admit(ANA, ALLOWED)


def _cookie(claims: object, secret: str = "of tests", name: str = "_streamlit_user") -> str:
    return f"_streamlit_user={create_signed_value(secret, name, json.dumps(claims)).decode()}"


def test_a_cookie_counts_for_the_address_it_was_made_for() -> None:
    """Two dashboards on one machine share cookies, and may share a secret."""
    assert claims_of(_cookie({**ANA, "origin": ORIGIN}))["email"] == "ana@example.com"
    assert claims_of(_cookie({**ANA, "origin": "https://elsewhere.example"})) == {}
    assert claims_of(_cookie(ANA)) == {}


@pytest.mark.parametrize("claims", [[], "text", None, 7])
def test_a_cookie_that_holds_something_else_is_nobodys(claims: object) -> None:
    assert claims_of(_cookie(claims)) == {}


def test_a_cookie_of_another_secret_or_name_is_nobodys() -> None:
    assert claims_of(_cookie({**ANA, "origin": ORIGIN}, secret="another")) == {}
    assert claims_of(_cookie({**ANA, "origin": ORIGIN}, name="another")) == {}
