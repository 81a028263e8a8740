"""Who somebody is, by the cookie that Streamlit's sign-in signs: the same for a page's session and for our routes.

Asked anew each time, never kept: a person taken off the allow-list, or signed out elsewhere, is nobody from then on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import cookie_parser
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pages.parts.access.roles import AllowList, Role
from pages.parts.installed import state
from pipeline.errors import ActivityError

_BESIDE = frozenset({"is_logged_in", "origin", "tokens"})  # what a session and a cookie do not have both


class NotAdmitted(ActivityError):
    """Nobody is signed in, or somebody who may not be here; `signed_in` tells which."""

    code = "access.not_admitted"

    def __init__(self, message: str, *, hint: str = "", signed_in: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.signed_in = signed_in


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be here. `session` names one sign-in of theirs; it is nobody's secret."""

    email: str
    role: Role
    session: str

    def must_be(self, role: Role) -> None:
        """Raises `NotAdmitted` for whoever may do less."""
        if self.role < role:
            raise NotAdmitted(f"Only {role.name.lower()}s may do that.", hint="Ask one of them.", signed_in=True)


THIS_MACHINE = Person("", Role.OWNER, "")  # without sign-in only this machine is answered, and it may do all


def end(claims: Mapping[str, Any]) -> None:
    """Let the sign-in of these claims be nobody's, wherever a copy of its cookie is."""
    if claims.get("is_logged_in") is True:
        state().sign_outs.add(_session(claims), datetime.now(UTC))


def admit(claims: Mapping[str, Any], allowed: AllowList) -> Person:
    """The person whom these claims of a provider are about.

    Raises `NotAdmitted`, in words for the one who is refused: with the address, for it is their own.
    """
    if claims.get("is_logged_in") is not True:
        raise NotAdmitted("You are not signed in.", hint="Sign in, and try again.")
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise NotAdmitted("Your sign-in tells no email address.", hint="Use another account.", signed_in=True)
    if claims.get("email_verified") is not True:
        hint = "Confirm it there, or use another account."
        raise NotAdmitted(f"{email} is not confirmed with who signed you in.", hint=hint, signed_in=True)
    role = allowed.role(email)
    if role is None:
        hint = "Ask an owner of this dashboard to let you in, or use another account."
        raise NotAdmitted(f"{email} may not see this dashboard.", hint=hint, signed_in=True)
    session = _session(claims)
    if state().sign_outs.has(session):
        raise NotAdmitted("You have signed out.", hint="Sign in, and try again.")
    return Person(email, role, session)


def claims_of(cookies: str) -> dict[str, Any]:
    """The claims in a Cookie header; none when its signature, its age or the address it was made for is wrong."""
    jar, secret = cookie_parser(cookies), get_cookie_secret()

    def decoded(name: str) -> bytes | None:
        value = jar.get(name)
        return None if value is None else decode_signed_value(secret, name, value.encode("latin-1", "replace"))

    found = get_cookie_with_chunks(decoded, USER_COOKIE_NAME)
    try:
        claims = json.loads(found) if found else {}
    except ValueError:
        return {}
    known = isinstance(claims, dict) and claims.get("origin") == get_origin_from_redirect_uri()
    return claims if known else {}


def _session(claims: Mapping[str, Any]) -> str:
    """The same for a sign-in's cookie and for the page's session that was opened with it."""
    told = {name: value for name, value in claims.items() if name not in _BESIDE}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
