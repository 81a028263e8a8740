"""A view and its query string say the same thing, whatever is in it."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import QuestionError
from pipeline.event import Op
from pipeline.questions.filters import Filter, metadata_field, metadata_key
from pipeline.questions.view import View
from tests import nasty
from tests.support import NOW

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1)


@given(
    view=nasty.views(),
    page=st.integers(1, 10**9),
    as_of=st.none() | st.integers(0, 10**9),
    event=st.none() | st.uuids(),
)
def test_a_view_round_trips(view: View, page: int, as_of: int | None, event: object) -> None:
    view = view.with_(page=page, as_of=as_of, event=None if event is None else str(event))
    query = view.query()
    assert View.parse(query, now=view.now, zone=view.zone) == view
    assert View.parse(query, now=view.now, zone=view.zone).query() == query
    assert query.isascii()
    assert not set(query) & set(' "<>|\\+')


@given(values=st.lists(TEXT, min_size=1, max_size=4), key=st.text(st.characters(blacklist_categories=["Cs"])))
def test_a_filter_round_trips(values: list[str], key: str) -> None:
    filter = Filter(metadata_field(key), Op.IS, tuple(values))
    assert metadata_key(filter.field) == key
    assert Filter.parse(filter.text()) == filter


@given(text=st.text(st.characters(blacklist_categories=["Cs"])))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        filter = Filter.parse(text)
    except QuestionError:
        return  # any other exception fails the test
    assert Filter.parse(filter.text()) == filter


@given(query=st.text(st.characters(blacklist_categories=["Cs"])) | st.binary().map(quote))
def test_any_query_is_a_view_or_refused(query: str) -> None:
    try:
        view = View.parse(query, now=NOW, zone=nasty.PARIS)
    except QuestionError:
        return  # any other exception fails the test
    assert View.parse(view.query(), now=NOW, zone=nasty.PARIS) == view


@given(view=nasty.views())
def test_a_pinned_view_covers_the_same_time(view: View) -> None:
    assert view.pinned(3).bounds() == view.bounds() == view.scope().bounds()
    assert view.scope().filters == view.filters
