"""Links to files: signed for one person's sign-in and for exactly what they ask for, and good for a while."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import parse_qsl

from itsdangerous import BadSignature, TimestampSigner
from streamlit.web.server.server_util import get_cookie_secret

from pages.parts.access.identity import NotAdmitted, Person

GOOD_FOR = 12 * 3600  # seconds; a page that has been open since the morning still gives its files
PARAMETER = "for"
_SALT = "activity-export-link"


def signed(address: str, person: Person) -> str:
    """`address` (a path, with or without a query) with the signature that makes it work for this person alone."""
    if not person.session:
        return address
    path, mark, query = address.partition("?")
    token = _signer().sign(_digest(path, query, person)).decode()
    return f"{path}?{query}{'&' if mark else ''}{PARAMETER}={token}"


def unsigned(path: str, query: str, person: Person) -> str:
    """The query without its signature. Raises `NotAdmitted` for a link made for someone or something else, or old."""
    if not person.session:
        return query
    asked, mark, token = query.rpartition(f"{PARAMETER}=")
    asked = asked.removesuffix("&")
    try:
        signs = _signer().unsign(token, max_age=GOOD_FOR).decode() if mark else ""
    except BadSignature:
        signs = ""
    if signs != _digest(path, asked, person):
        raise NotAdmitted("This link is not yours, or is too old.", hint="Export again on the page.", signed_in=True)
    return asked


def _signer() -> TimestampSigner:
    return TimestampSigner(get_cookie_secret(), salt=_SALT)


def _digest(path: str, query: str, person: Person) -> str:
    """Of what is asked for, however a browser spells it; a page writes the path relative to itself, without a slash."""
    asked = [path.lstrip("/"), parse_qsl(query, keep_blank_values=True), person.session]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
