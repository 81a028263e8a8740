"""What is hidden in a text, what stays, what a masked lake refuses, and that nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import QuestionError
from pipeline.event import FIELDS, NUMBER, WITHOUT_VALUE, Op
from pipeline.lake import Lake, look_ups
from pipeline.lake.schema import TABLES
from pipeline.questions import activity, facets
from pipeline.questions.filters import Filter, metadata_field, operators
from pipeline.questions.funnel import Exclusion, Funnel, Step
from pipeline.questions.hiding import hidden, hidden_json, hidden_url, pseudonym
from pipeline.questions.masking import masked, refuse_masked, refuse_masked_funnel, unmasked
from pipeline.questions.personal import is_personal
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests import nasty
from tests.support import NOW, make_lake

PERSONAL = [field.name for field in FIELDS if field.pii]
PERSONAL_KEYS = (
    *("name", "Name", "firstName", "first_name", "LAST-NAME", "full name", "userName", "user.name", "names", "name2"),
    *("email", "E-Mail", "work_email", "emailAddress", "ip", "client_ip", "clientIp", "IP", "phone", "phoneNumbers"),
    *("address", "billing_address", "street2", "postal-code", "zip", "zipCode", "birthday", "date_of_birth", "dob"),
    *("token", "homeTel", "latitude", "shipping-address-line"),
)
HARMLESS_KEYS = (
    *("plan", "plan_name", "section", "relationship", "clip", "tip", "zipped", "hostname", "filename", "modal_name"),
    *("shipping", "price", "engaged_seconds", "recipe", "flat", "platform", "hotel", "scroll", "article", "renamed"),
)
Hide = Callable[[ir.StringValue], ir.StringValue]


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    engine = ibis.duckdb.connect()
    yield engine
    engine.disconnect()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = make_lake(tmp_path_factory.mktemp("lake"), nasty.events(5, 300))
    yield lake
    lake.close()


def shown(engine: Any, hide: Hide, text: str | None) -> str | None:
    table = ibis.memtable({"text": [text]}, schema={"text": "string"})
    answer: str | None = engine.to_pyarrow(table.select(shown=hide(table.text)))["shown"][0].as_py()
    return answer


@pytest.mark.parametrize(
    ("text", "left"),
    [
        *[(text, text) for text in (None, "", "A story", "10:30:00, 50%25 off 100%", "v1.2.3", "2026-11-23T14:30:00Z")],
        ("write to ana@example.com, please", "write to ••• please"),
        ("ANA%40EXAMPLE.COM and ana%2540example.com", "••• and •••"),
        ("ana＠example.com ana&#64;example.com ana&commat;example.com", "••• ••• •••"),
        ("o'brien+x@example.com", "•••"),
        ("%61na", "•••"),
        ("from 198.51.100.7!", "from •••!"),
        ("from ::ffff:198.51.100.7 2001:DB8::1 ::1 0:0:0:0:0:ffff:198.51.100.7", "from ••• ••• ••• •••"),
        ("from 2001%3Adb8%3A%3A1", "from •••"),
        ("see https://example.com/a?ana x", "see https://example.com/a?•••"),
        ("a?name=Ana Lee", "a?•••"),
    ],
)
def test_running_text(engine: Any, text: str | None, left: str | None) -> None:
    assert shown(engine, hidden, text) == left


@pytest.mark.parametrize(
    ("url", "left"),
    [
        *[(url, url) for url in (None, "", "/", "/news/a-story", "https://www.example.com:8080/été%20x", "//cdn/x")],
        (
            "https://x.com/a?utm_source=a%20b%7Cc&UTM_Term=%C3%A9",
            "https://x.com/a?utm_source=a%20b%7Cc&UTM_Term=%C3%A9",
        ),
        ("https://x.com/a?name=Ana&page=2&x", "https://x.com/a?name=•••&page=•••&•••"),
        ("https://x.com/a?Ana%20Lee=1", "https://x.com/a?•••"),
        ("https://x.com/a?utm_source=news;name=Ana", "https://x.com/a?utm_source=news&name=•••"),
        ("https://x.com/a?utm_source=a%26name%3DAna", "https://x.com/a?utm_source=•••"),
        ("https://x.com/a?utm_source=198.51.100.7", "https://x.com/a?utm_source=•••"),
        ("https://x.com/a?utm_name=Ana", "https://x.com/a?utm_name=•••"),
        ("https://x.com/a#Ana", "https://x.com/a#•••"),
        ("https://x.com/a#Ana?utm_source=Ana", "https://x.com/a#•••"),
        ("https://ana:secret@x.com/a", "https://x.com/a"),
        ("https://x.com/ana@example.com/b", "https://x.com/•••/b"),
        ("https://x.com/a;name=Ana", "https://x.com/a;•••"),
        ("http://[2001:db8::1]/a", "http://[•••]/a"),
        ("mailto:ana@example.com?subject=Ana", "mailto:•••?subject=•••"),
        ("tel:+33698765432", "tel:•••"),
        ("https://x.com/?a\nAna", "https://x.com/?•••"),
        ("https://x.com/?name=a\nAna", "https://x.com/?name=•••"),
    ],
)
def test_urls(engine: Any, url: str | None, left: str | None) -> None:
    assert shown(engine, hidden_url, url) == left


@pytest.mark.parametrize(
    ("document", "left"),
    [
        *[(kept, kept) for kept in (None, "{}", '{"plan":"gold","n":5,"x":[1,{"y":null}],"name":null,"email":""}')],
        ('{"user":{"name":"Ana","age":4}}', '{"user":{"name":"•••","age":4}}'),
        ('{ "n\\u0061me" : "Ana" }', '{"name":"•••"}'),
        ('{"address":{"lines":["a",["b"]]},"plan":"gold"}', '{"address":"•••","plan":"gold"}'),
        ('{"phone":33698765432,"zip":true}', '{"phone":"•••","zip":"•••"}'),
        ('{"address":{"a":{"b":{"c":{"d":1}}}},"plan":"gold"}', '{"•••":"•••"}'),
        ('{"note":"say \\"ana@example.com\\"\\n!"}', '{"note":"say •••"}'),
        ('{"ana@example.com":1}', '{"•••":1}'),
        ('{"payload":"{\\"name\\":\\"Ana\\"}","x":1}', '{"payload":"•••","x":1}'),
        ('{"link":"https://x.com/a?Ana b","x":1}', '{"link":"https://x.com/a?•••","x":1}'),
    ],
)
def test_metadata(engine: Any, document: str | None, left: str | None) -> None:
    assert shown(engine, hidden_json, document) == left


@pytest.mark.parametrize("key", PERSONAL_KEYS)
def test_a_key_that_says_so_is_personal(engine: Any, key: str) -> None:
    for document in ({key: "Ana"}, {"a": [{"b": {key: "Ana"}}]}, {key: ["Ana", {"x": "Ana"}]}):
        assert "Ana" not in str(shown(engine, hidden_json, json.dumps(document)))
    assert is_personal(metadata_field(key))


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_a_key_that_does_not_is_kept(engine: Any, key: str) -> None:
    assert json.loads(str(shown(engine, hidden_json, json.dumps({key: "gold"})))) == {key: "gold"}
    assert not is_personal(metadata_field(key))


TEXTS = st.text(st.sampled_from('ab:0.@=%\\"/?#&;{}[],u\n\f\x0b é') | st.characters(exclude_categories=["Cs"]))
KEYS = st.sampled_from(["name", "plan", "email", "a", 'q"', "b\\", "\\u000B::1"]) | TEXTS
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


PIECES = (
    "https://",
    "www.x.com",
    "/",
    "a",
    "news",
    "?",
    "&",
    "utm_source=",
    "name=",
    "@",
    "%40",
    "%20",
    "%C3%A9",
    "%EF",
)
URLS = st.lists(st.sampled_from((*PIECES, "198.51.100.7", "2001:db8::1", ":", ";", "=", "\n", "é")), max_size=8).map(
    "".join
)


@given(url=URLS)
def test_what_looks_plain_at_once_is_what_a_closer_look_finds_plain(engine: Any, url: str) -> None:
    """A fragment is never plain, so that with one the closer look is taken."""
    assert shown(engine, hidden_url, f"{url}#x") == f"{shown(engine, hidden_url, url)}#•••"


@given(document=st.dictionaries(KEYS, DOCUMENTS, max_size=4))
def test_masked_metadata_is_json_still(engine: Any, document: dict[str, Any]) -> None:
    left = shown(engine, hidden_json, json.dumps(document, ensure_ascii=False))
    assert left is not None
    assert isinstance(json.loads(left), dict)
    assert "@" not in left


def test_half_an_escape_breaks_no_question(engine: Any) -> None:
    assert shown(engine, hidden_json, '{"x":"\\\\u000B::1"}') == '{"•••":"•••"}'


@pytest.mark.parametrize("identifier", [None, "", "cus_1", "a:v1", "abc==", "550e8400-e29b-41d4-a716-446655440000"])
def test_an_id_stays(engine: Any, identifier: str | None) -> None:
    assert shown(engine, lambda text: pseudonym(text, "k"), identifier) == identifier


@pytest.mark.parametrize("identifier", ["ana@example.com", "u:ANA%40EXAMPLE.COM", "198.51.100.7", "x 2001:db8::1"])
def test_an_id_that_is_an_email_or_address_gets_a_name(engine: Any, identifier: str) -> None:
    names = [shown(engine, lambda text, secret=secret: pseudonym(text, secret), identifier) for secret in "kkl"]
    assert names[0] == names[1] != names[2]
    assert str(names[0]).startswith("•••")
    assert len(str(names[0])) == 19


def _filters() -> Iterator[Filter]:
    for field in (*PERSONAL, *(metadata_field(key) for key in ("email", "first name", "clientIp"))):
        for op in operators(field):
            value = "198.51.100.0/24" if op is Op.IN_NETWORK else "5" if op in NUMBER else "ana"
            yield Filter(field, op, () if op in WITHOUT_VALUE else (value,))


@pytest.mark.parametrize("filter", list(_filters()), ids=Filter.text)
def test_a_filter_on_what_is_hidden_is_refused(lake: Lake, filter: Filter) -> None:
    view = View(NOW, nasty.PARIS, filters=(filter,))
    funnels = [Funnel(View(NOW, nasty.PARIS), (Step("A"), Step("B", (filter,)))), Funnel(view, (Step("A"), Step("B")))]
    out = Exclusion(Step("X", (filter,)), 1, 2)
    funnels.append(Funnel(View(NOW, nasty.PARIS), (Step("A"), Step("B")), exclusions=(out,)))
    hidden = masked(lake.snapshot(), b"secret")
    asked: list[Callable[[], object]] = [
        lambda: refuse_masked(view),
        lambda: activity.count(hidden, view),
        lambda: timeline(hidden, view),
        lambda: facets.facet(hidden, view, "country"),
        *(lambda funnel=funnel: refuse_masked_funnel(funnel) for funnel in funnels),
    ]
    for ask in asked:
        with pytest.raises(QuestionError) as refused:
            ask()
        assert refused.value.code == "view.masked_field"
    activity.count(lake.snapshot(), view)


@pytest.mark.parametrize("field", [*PERSONAL, "properties.email"])
def test_a_breakdown_by_what_is_hidden_is_refused(field: str) -> None:
    with pytest.raises(QuestionError) as refused:
        refuse_masked_funnel(Funnel(View(NOW, nasty.PARIS), (Step("A"), Step("B")), breakdown=field))
    assert refused.value.code == "view.masked_field"
    assert "personal data" in str(refused.value)


def test_what_is_not_hidden_is_not_refused() -> None:
    filters = tuple(Filter.parse(text) for text in ("country is France", "properties.plan is gold", "url is_set"))
    view = View(NOW, nasty.PARIS, filters=filters)
    refuse_masked(view)
    refuse_masked_funnel(Funnel(view, (Step("A", filters), Step("B")), breakdown="country"))
    assert unmasked([*PERSONAL, "country", "properties.email", "properties.plan"]) == ("country", "properties.plan")
    assert {field.name for field in FIELDS} - set(unmasked(field.name for field in FIELDS)) == set(PERSONAL)


@pytest.mark.parametrize("query", ["range=90D", "range=90D&f=country+is_not+%25", "range=30D&f=person+starts_with+c:"])
def test_counts_and_facets_are_the_same(lake: Lake, query: str) -> None:
    view = View.parse(query, now=NOW, zone=nasty.PARIS)
    plain, hidden = lake.snapshot(), masked(lake.snapshot(), b"secret")
    assert plain.key != hidden.key
    one, other = (facets.glance(snapshot, view) for snapshot in (plain, hidden))
    assert (one.total, one.people, one.anonymous, one.histogram) == (
        other.total,
        other.people,
        other.anonymous,
        other.histogram,
    )
    fields = ("country", "region", "device", "person", "customer_id", "anonymous_id", "line")
    assert facets.facets(plain, view, fields, 500) == facets.facets(hidden, view, fields, 500)
    listed = [[row["event_id"] for row in activity.page(each, view).rows] for each in (plain, hidden)]
    assert listed[0] == listed[1]
    named, stars = (facets.facet(snapshot, view, "email", 500) for snapshot in (plain, hidden))
    unset = [sum(each.count for each in told.top if each.value is None) for told in (named, stars)]
    assert unset[0] == unset[1]  # hidden, but set or not as before


def test_a_masked_lake_has_no_numbers_to_try_addresses_by(tmp_path: Path) -> None:
    made = make_lake(tmp_path, [{"message_id": "a", "ip": "198.51.100.7", "customer_id": "c"}])
    with patch.object(look_ups, "_ENOUGH", 1):
        assert look_ups.add_block(made, NOW + timedelta(days=2)) is not None
    plain = made.snapshot()
    hidden = masked(plain, b"secret")
    for table, column in (("events", "ip_number"), ("by_person", "ip_number"), ("by_address", "ip_number")):
        told = [each.fetch(each.table(table))[column] for each in (plain, hidden)]
        assert (told[0].null_count, told[1].null_count) == (0, len(told[1]))
    made.close()


def test_what_comes_along_is_hidden_too(lake: Lake) -> None:
    tables = [
        snapshot.table("events", ["event_id"], along=["customer_id", "ip"])
        for snapshot in (lake.snapshot(), masked(lake.snapshot(), b"secret"))
    ]
    plain, hidden = (lake.snapshot().fetch(table) for table in tables)
    told, covered = ({*table["ip"].drop_null().to_pylist()} for table in (plain, hidden))
    assert told
    assert covered.isdisjoint(told)


def test_a_masked_table_has_the_same_columns(lake: Lake) -> None:
    plain = lake.snapshot()
    hidden = masked(plain, b"secret")
    for name in TABLES:
        assert dict(hidden.table(name).schema().items()) == dict(plain.table(name).schema().items())
