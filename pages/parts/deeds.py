"""The audit log as pages and routes write it: who is known there, and questions that name no customer."""

from __future__ import annotations

from pages.parts import words
from pages.parts.access.identity import Person
from pages.parts.installed import installation
from pages.parts.serving import clock
from pipeline.questions.filters import Filter
from pipeline.questions.view import View
from pipeline.state import Act, Erased

ALONE = "somebody on this machine"
# Fields whose values say nothing of one person. What others are asked for stands in the log as a keyed hash: the same
# question is recognised, and an erasure finds nobody there.
_OF_NOBODY = {
    *("event", "modal", "type", "country", "country_code", "device", "browser", "os", "domain", "referrer_domain"),
    *("utm_source", "utm_medium", "utm_campaign", "source"),
}


def note(person: Person, act: Act, about: str, *, rows: int | None = None) -> None:
    """Add a row to the audit log."""
    installation().state.audit.note(person.email or ALONE, act, about, clock(), rows=rows)


def note_sign_in(person: Person) -> None:
    """Of each sign-in once, whichever page it is first seen on."""
    if person.session:
        once = f"sign-in {person.session}"
        about = f"as {person.role.name.lower()}"
        installation().state.audit.note(person.email, "sign-in", about, clock(), once=once)


def note_erasure(person: Person, customer: str) -> None:
    """That somebody asked to erase a customer, who is named by the hash that is all that will be kept of them."""
    note(person, "erase", f"the customer {installation().state.erasures.known().hash_of(f'c:{customer}')}, asked for")


def told(view: View) -> str:
    """Which events a view holds, in words and without naming anybody."""
    erased = installation().state.erasures.known()
    conditions = (words.phrase(each, _of_nobody(each, erased)) for each in view.filters)
    return "; ".join([words.dates(view), *conditions])


def _of_nobody(condition: Filter, erased: Erased) -> tuple[str, ...]:
    if condition.field in _OF_NOBODY:
        return condition.values
    return tuple(f"#{erased.hash_of(value)[:8]}" for value in condition.values)
