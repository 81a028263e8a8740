"""The allow-list: who may come in, and as what. `[access]` in `.streamlit/secrets.toml`, beside Streamlit's `[auth]`:

    [access]
    owners = ["olivia@example.com"]
    analysts = ["ana@example.com"]
    viewers = ["@example.com"]

A person is an email address, a domain begins with `@`; a person's own line counts before their domain's. The file is
read again when it changes, so that whoever is taken off it is refused at their next click.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from threading import Event
from typing import Any

from streamlit import config

from pipeline.errors import SettingsError


class Role(IntEnum):
    """Each may do what the one before may, and more."""

    VIEWER = 1  # no personal data: names, emails and IP addresses are masked
    ANALYST = 2  # sees and exports them
    OWNER = 3  # also erases, replays, and makes and revokes keys


_LISTS = {"viewers": Role.VIEWER, "analysts": Role.ANALYST, "owners": Role.OWNER}
_SHORTEST_SECRET = 24
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_MAKE_SECRET = 'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
_EXAMPLE = 'It looks like this: owners = ["olivia@example.com"], viewers = ["@example.com"].'


@dataclass(frozen=True, slots=True)
class AllowList:
    """Roles by email address and by domain, in lower case."""

    entries: Mapping[str, Role]

    def role(self, email: str) -> Role | None:
        """The role of whoever has that address; None for a stranger."""
        address = _lower(email)
        name, at, domain = address.rpartition("@")
        if not (name and at and domain):
            return None
        return self.entries.get(address, self.entries.get(f"@{domain}"))


def allow_list() -> AllowList | None:
    """Who may come in, as the file says now; None when no sign-in is set up at all.

    Raises `SettingsError` for a file that cannot be read or understood: nobody comes in until it is mended. Its text
    names no entry, for it is shown to whoever comes.
    """
    found = _read(tuple((path, _version(Path(path))) for path in _files()))
    if found is not None:
        _set_up.set()
    elif _set_up.is_set():
        raise _problem("It was there when this dashboard started, and is gone.", "Put it back, or start again.")
    return found


_set_up = Event()  # once there was a sign-in, its file going missing opens nothing


def _files() -> tuple[str, ...]:
    """Where Streamlit looks for its secrets; what a later one says counts."""
    return tuple(str(path) for path in config.get_option("secrets.files") or ())


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=1)
def _read(files: tuple[tuple[str, tuple[int, int, int] | None], ...]) -> AllowList | None:
    secrets: dict[str, Any] = {}
    for path, version in files:
        if version is not None:
            secrets |= _parsed(Path(path))
    if not secrets.keys() & {"auth", "access"}:
        return None
    if "auth" not in secrets:
        raise _problem("There is no [auth] to sign in with beside it.", "See SECURITY.md.")
    _check_secret(secrets["auth"])
    return AllowList(_entries(secrets.get("access")))


def _check_secret(auth: object) -> None:
    """Whoever can guess what signs cookies is whoever they like; the example's is known to all."""
    secret = auth.get("cookie_secret") if isinstance(auth, dict) else None
    if not isinstance(secret, str) or len(secret) < _SHORTEST_SECRET:
        problem = f"cookie_secret is missing, or has fewer than {_SHORTEST_SECRET} letters."
        raise SettingsError([("[auth] in secrets.toml", problem, _MAKE_SECRET)])


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        problem = "It cannot be read."
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        problem = "It is not valid TOML."  # what the parser says quotes what may be a secret
    raise SettingsError([(path.name, problem, "Nobody can come in until it is mended.")])


def _problem(what: str, fix: str = _EXAMPLE) -> SettingsError:
    return SettingsError([("[access] in secrets.toml", what, fix)])


def _entries(section: object) -> dict[str, Role]:
    if not isinstance(section, dict) or not section:
        raise _problem("It is missing, so nobody may come in.")
    if unknown := section.keys() - _LISTS.keys():
        raise _problem(f"It has no {min(unknown)!r}.", f"There are: {', '.join(_LISTS)}.")
    found: dict[str, Role] = {}
    for name, role in _LISTS.items():
        listed = section.get(name, [])
        if not isinstance(listed, list):
            raise _problem(f"{name} is no list.")
        for number, entry in enumerate(listed, 1):
            key = _key(entry)
            if key is None:
                raise _problem(f"Entry {number} of {name} is neither an email address nor a @domain.")
            if key in found:
                raise _problem(f"Entry {number} of {name} is listed already.", "Keep one of them.")
            found[key] = role
    return found


def _lower(address: str) -> str:
    """ASCII letters alone: of others some fold into them, such as `ſ` into `s`, and are somebody else's domain."""
    return address.translate(_LOWER)


def _key(entry: object) -> str | None:
    """An address or a domain, as it is compared; None for anything else. One `@`, so that nobody comes in by a part of
    their address."""
    text = _lower(entry.strip()) if isinstance(entry, str) else ""
    domain = text.rpartition("@")[2]
    odd = any(sign.isspace() or sign == "*" for sign in text)
    return None if text.count("@") != 1 or "." not in domain or odd else text
