"""The allow-list: who is in it as what, that it is read again, and that whatever is wrong with it lets nobody in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from streamlit import config

from pages.parts.access import roles
from pages.parts.access.roles import Role, allow_list
from pipeline.errors import SettingsError

AUTH = '[auth]\nredirect_uri = "https://a.example/oauth2callback"\ncookie_secret = "a secret that tests have"\n'
ACCESS = """
[access]
owners = ["Olivia@Example.com"]
analysts = ["ana@example.com", "@analysts.example"]
viewers = ["@example.com"]
"""


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Streamlit is told to look for its secrets."""
    monkeypatch.setattr(roles, "_set_up", Event())
    path = tmp_path / "secrets.toml"
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(path)])
    yield path
    config.set_option("secrets.files", before)


@pytest.mark.parametrize(
    ("email", "role"),
    [
        ("olivia@example.com", Role.OWNER),
        ("OLIVIA@EXAMPLE.COM", Role.OWNER),
        ("ana@example.com", Role.ANALYST),
        ("anybody@analysts.example", Role.ANALYST),
        ("anybody@example.com", Role.VIEWER),
        ("anybody@sub.example.com", None),
        ("anybody@notexample.com", None),
        ("anybody@example.com.evil.example", None),
        ("olivia@example.com@evil.example", None),
        ('"olivia@example.com"@evil.example', None),
        ("anybody@analyſts.example", None),
        ("OLIVİA@example.com", Role.VIEWER),
        ("@example.com", None),
        ("example.com", None),
        ("olivia@", None),
        ("", None),
    ],
)
def test_who_is_in_the_list_and_as_what(secrets: Path, email: str, role: Role | None) -> None:
    secrets.write_text(AUTH + ACCESS)
    assert _role(email) is role


def _role(email: str) -> Role | None:
    allowed = allow_list()
    assert allowed is not None
    return allowed.role(email)


def test_without_any_file_there_is_no_sign_in(secrets: Path) -> None:
    assert allow_list() is None
    secrets.write_text('[elsewhere]\nkey = "value"\n')
    assert allow_list() is None


def test_who_is_taken_off_is_nobody_at_once(secrets: Path) -> None:
    secrets.write_text(AUTH + ACCESS)
    assert _role("ana@example.com") is Role.ANALYST
    secrets.write_text(AUTH + ACCESS.replace('"ana@example.com", ', ""))
    assert _role("ana@example.com") is Role.VIEWER
    secrets.unlink()
    with pytest.raises(SettingsError, match="is gone"):
        allow_list()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ACCESS, r"no \[auth\]"),
        (AUTH, "missing, so nobody may come in"),
        (AUTH + "[access]\n", "missing, so nobody may come in"),
        (AUTH + '[access]\nadmins = ["a@b.example"]\n', "no 'admins'"),
        (AUTH + '[access]\nowners = "a@b.example"\n', "owners is no list"),
        (AUTH + '[access]\nowners = ["SECRET"]\n', "Entry 1 of owners is neither"),
        (AUTH + '[access]\nviewers = ["*@b.example"]\n', "Entry 1 of viewers is neither"),
        (AUTH + '[access]\nviewers = ["a@b.example, c@b.example"]\n', "Entry 1 of viewers is neither"),
        (AUTH + "[access]\nviewers = [7]\n", "Entry 1 of viewers is neither"),
        (
            AUTH + '[access]\nowners = ["a@b.example"]\nviewers = ["A@b.example"]\n',
            "of owners is listed already",
        ),
        (AUTH + "[access]\nowners = [SECRET", "not valid TOML"),
        (AUTH.replace("a secret that tests have", "CHANGE-ME") + ACCESS, "cookie_secret is missing, or has fewer"),
        ('[auth]\nredirect_uri = "x"\n' + ACCESS, "cookie_secret is missing, or has fewer"),
    ],
)
def test_a_list_that_is_not_understood_lets_nobody_in(secrets: Path, text: str, said: str) -> None:
    secrets.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        allow_list()
    assert "SECRET" not in str(caught.value)
