"""Funnels: build one by clicking, believe it, and get the people behind any number."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from pages.parts import listing, words
from pages.parts.address import as_of
from pages.parts.builder import filter_builder
from pages.parts.component import mount
from pages.parts.funnels import address, compare, saved
from pages.parts.funnels.address import Asked
from pages.parts.funnels.builder import builder
from pages.parts.funnels.results import results
from pages.parts.funnels.templates import TEMPLATES
from pages.parts.headline import news, quick_filters
from pages.parts.notice import explained, notice
from pages.parts.serving import Moment, moment, product
from pages.parts.toolbar import Go as GoTo
from pages.parts.toolbar import day_choice, filter_bar, range_choice
from pipeline.errors import QuestionError, SnapshotGone
from pipeline.questions.funnel import Funnel
from pipeline.questions.ranges import Days
from pipeline.questions.view import View

_COLUMNS = (1.0, 2.55)
_WARM = "funnel_warm"


@st.fragment
def page() -> None:
    """The whole page; a click reruns this and nothing above it."""
    with explained("problem"):
        now = moment(as_of())
        try:
            asked = address.read(now.now, product().settings.zone)
            draw(asked, now)
        except QuestionError as error:
            draw_unreadable(error)
        except SnapshotGone:
            draw(replace(asked, as_of=None), replace(moment(None), gone=now.snapshot.version))


def draw_unreadable(error: QuestionError) -> None:
    ways = [{"label": each.name, "href": each.href} for each in TEMPLATES[:3]]
    text = f"{error} Or start from one of these:"
    notice(text, key="problem", tone="error", title="This funnel cannot be shown", ways=ways, big=True)


def draw(asked: Asked, now: Moment) -> None:
    def go_to(view: View) -> None:
        address.write(asked.of(address.narrow(view, asked.funnel)))

    def change(funnel: Funnel) -> None:
        address.write(asked.of(now.answerable_funnel(funnel)))

    if _WARM not in st.session_state:
        # The first questions of a session take longest: show where everything will be, then ask them.
        st.session_state[_WARM] = True
        for column in st.columns(_COLUMNS, gap="small"):
            column.skeleton(height=560)
        st.rerun()
    draw_toolbar(asked, now, go_to)
    listing.refused()
    listing.gone(now)
    left, right = st.columns(_COLUMNS, gap="small")
    kept = saved.shown(now)
    with left, st.container(border=True, key="funnel_builder"):
        saved.menu(asked.funnel, kept)
        builder(asked.funnel, now, change)
    with right:
        draw_headline(asked, now, go_to, saved.current(asked.funnel, kept))
        results(asked, now, address.write)


def draw_toolbar(asked: Asked, now: Moment, go_to: GoTo) -> None:
    view = asked.funnel.view
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        range_choice(view, go_to)
        with st.container():
            filter_bar(view, now, listing.actor(view, now, go_to))
        filter_builder(view, now, go_to)
        compare.menu(asked, now, address.write)
        link = {"label": "Copy link", "title": "Copy a link to exactly this funnel: its dates and its data"}
        query = asked.pinned(now.snapshot.version).query()
        mount("links", key="copy_link", width="content", data={"links": [{**link, "copy": query}]})


def draw_headline(asked: Asked, now: Moment, go_to: GoTo, name: str) -> None:
    view = asked.funnel.view
    custom = isinstance(view.range, Days)
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        dates = "entered" if custom else f"entered {words.dates(view)}"
        said = f"<b>{escape(name)}</b><span>{escape(dates)}<em> · times in {escape(view.zone.key)}</em></span>"
        st.html(f'<div class="headline">{said}</div>', width="content")
        if custom:
            day_choice(view, go_to)
        quick_filters(view, go_to)
        with st.container(horizontal=True, width="content", vertical_alignment="center", key="aside"):
            news(replace(view, as_of=asked.as_of), now, lambda: address.write(replace(asked, as_of=None)))


page()
