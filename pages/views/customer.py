"""Customers: find a person by id, email or name; then everything they did, before and after registering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from urllib.parse import urlencode

import streamlit as st

from pages.parts import address, answers, listing, panel, person, words
from pages.parts.changed import when_changed
from pages.parts.component import mount
from pages.parts.erasing import draw_erase
from pages.parts.figures import Column, table
from pages.parts.notice import explained, notice
from pages.parts.serving import Moment, moment, product
from pages.parts.toolbar import filter_bar, share
from pipeline.errors import SnapshotGone
from pipeline.event import Op
from pipeline.questions.customers import Found, Profile
from pipeline.questions.filters import Filter
from pipeline.questions.people import CUSTOMER
from pipeline.questions.view import View

_HEIGHT = "max(320px, calc(100vh - 366px - var(--banner, 0px)))"
_TABLE_HEIGHT = "calc(100vh - 170px - var(--banner, 0px))"
_OWN = ("customer", "person", "q")
_CUSTOMERS = Filter("person", Op.STARTS_WITH, (CUSTOMER,))
_SEARCH = "search"


@st.fragment
def page() -> None:
    with explained("problem"):
        now = moment(address.as_of())
        asked = address.read(now.now, product().settings.zone, _OWN)
        who = wanted()
        draw_search(now)
        if st.query_params.get("q"):
            draw_found(now, st.query_params["q"])
        elif who is None:
            draw_most_active(now)
        else:
            draw_person(asked, now, who)


def wanted() -> str | None:
    """The person the URL names: `?customer=ID`, or `?person=` with `c:ID` or `a:ID`."""
    customer = st.query_params.get("customer")
    return f"{CUSTOMER}{customer}" if customer else st.query_params.get("person") or None


def link(who: str) -> str:
    name = "customer" if who.startswith(CUSTOMER) else "person"
    return f"customers?{urlencode({name: who.removeprefix(CUSTOMER)})}"


def draw_search(now: Moment) -> None:
    st.session_state[_SEARCH] = st.query_params.get("q", "")

    def searched() -> None:
        text = st.session_state[_SEARCH].strip()
        st.query_params.from_dict({"q": text} if text else {})

    st.text_input(
        "Find a customer",
        key=_SEARCH,
        placeholder=f"Find a customer by {_looked_at(now)}",
        icon=":material/search:",
        label_visibility="collapsed",
        on_change=when_changed(_SEARCH, searched),
    )


def _looked_at(now: Moment) -> str:
    return "ID" if now.snapshot.masked else "ID, email or name"


def draw_found(now: Moment, text: str) -> None:
    empty = f"Nobody’s {_looked_at(now)} contains “{text}”. Part of it is enough, whatever the case."
    if now.snapshot.masked:
        empty += " Names and emails are hidden from you, so nobody is found by them."
    found = answers.people(now.snapshot, text)
    shown = found[: answers.PEOPLE]
    said = f"{words.counted(len(shown), 'person', 'people')} found"
    if len(found) > len(shown):
        said = f"The {len(shown)} seen last; there are more. Type more of it."
    if found:
        st.html(f'<div class="headline"><span>{escape(said)}</span></div>', width="content")
    draw_people(shown, now, key="found", label="People found", empty=empty)


def draw_most_active(now: Moment) -> None:
    view = View(now.now, product().settings.zone, filters=(address.NO_BOTS,))
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        said = f"{words.dates(view)} · without bots"
        st.html(f'<div class="headline"><b>Most active customers</b><span>{escape(said)}</span></div>', width="content")
        with st.container(horizontal=True, horizontal_alignment="right", key="notes"):
            draw_computed(view, now)
    empty = "No customer has been seen in the last 14 days. Search above finds whoever was seen before."
    draw_people(answers.most_active(now.snapshot, view), now, key="active", label="Most active customers", empty=empty)


def draw_computed(view: View, now: Moment) -> None:
    with st.popover("", icon=":material/function:", type="tertiary", help="How this is computed", key="computed"):
        st.markdown("**How this is computed**")
        st.markdown(
            "Every event of the last 14 days, bots left out, counted exactly for each customer, with what they did as "
            "visitors before they registered. Name and email are the latest known, country the latest in these days. "
            "The same numbers on the command line:"
        )
        st.code(panel.command(view.plus(_CUSTOMERS), now, "facets", "person"), language="bash", wrap_lines=True)


def draw_people(found: Sequence[Found], now: Moment, *, key: str, label: str, empty: str) -> None:
    view = View(now.now, product().settings.zone)
    columns: list[Column] = [
        ("Customer", "link"),
        ("Name", "text"),
        ("Email", "text"),
        ("Country", "country"),
        (f"Last seen ({view.zone.key})", "nowrap"),
        ("Events", "right"),
    ]
    rows = [
        [
            {"text": each.person.removeprefix(CUSTOMER), "href": link(each.person)},
            each.name,
            each.email,
            {"text": each.country, "code": each.country_code},
            words.short_time(each.last_seen, view),
            f"{each.events:,}",
        ]
        for each in found
    ]
    table(columns, rows, key=key, label=label, empty=empty, height=_TABLE_HEIGHT)


def draw_person(asked: View, now: Moment, who: str) -> None:
    profile = answers.profile(now.snapshot, who)
    if profile is None:
        text = f"No event of “{who.removeprefix(CUSTOMER)}” is in the data. The ID must be exactly as it was sent."
        ways = [{"label": "Search instead", "href": "customers"}]
        notice(text, key="nobody", title="Nobody by this ID", ways=ways, big=True)
        return
    view = of_person(asked, profile, now)
    try:
        draw_profile(view, profile, now)
    except SnapshotGone:
        draw_profile(view, profile, moment(None))


def of_person(asked: View, profile: Profile, now: Moment) -> View:
    """The person's events: over all time unless the URL names a range, narrowed by the URL's filters."""
    everything = profile.view(now.now, asked.zone)
    ranged = "range" in st.query_params or "from" in st.query_params
    view = replace(asked, filters=(*everything.filters, *asked.filters))
    return view if ranged else replace(view, range=everything.range)


def go_of(profile: Profile, everything: View) -> listing.Go:
    """Writes a view of this person to the URL: the person by name, and only what narrows their events."""

    def go(view: View) -> None:
        # All time is what a profile shows without being asked.
        without = ("from", "to") if view.range == everything.range else ()
        address.write(narrowing(view, profile), named(profile), without=without)

    return go


def named(profile: Profile) -> dict[str, str]:
    return {"customer": profile.customer_id} if profile.customer_id else {"person": profile.person}


def narrowing(view: View, profile: Profile) -> View:
    """The view without the person, who is named by a parameter of their own and is no chip one could remove."""
    own = Filter("person", Op.IS, (profile.person,))
    return replace(view, filters=tuple(each for each in view.filters if each != own))


def draw_profile(view: View, profile: Profile, now: Moment) -> None:
    go = go_of(profile, profile.view(now.now, view.zone))
    act = listing.actor(view, now, go)
    total = answers.count(now.snapshot, view)
    view = replace(view, page=min(view.page, listing.pages(total)))
    draw_header(profile, view, now, total)
    person.figures(profile, view.zone)
    narrow = narrowing(view, profile)
    filter_bar(narrow, now, listing.actor(narrow, now, go), within=view)
    listing.refused()
    listing.gone(now)
    left, right = listing.columns()
    with left:
        if total:
            listing.draw_list(view, now, total, act, go, height=_HEIGHT)
        else:
            listing.draw_empty(view, now, act, kept=1)
    with right:
        listing.draw_panel(view, now, act, height=_HEIGHT, summary=lambda: person.summary(profile, view, now))


def draw_header(profile: Profile, view: View, now: Moment, total: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="who"):
        crm = product().settings.customer_url or ""
        data = {
            "title": person.title(profile, masked=now.snapshot.masked),
            "customer_id": profile.customer_id,
            "person": profile.person,
            "email": None if now.snapshot.masked else profile.email,
            "crm": crm,
        }
        mount("who", key="who_card", data=data)
        pinned = narrowing(view, profile).pinned(now.snapshot.version).query()
        share(view, now, total, link=f"{urlencode(named(profile))}&{pinned}")
        draw_erase(profile)


page()
