"""Events whose texts, times, addresses and metadata are as awkward as real ones get, and views over them."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipeline.event import STORED, WITHOUT_VALUE, Op
from pipeline.questions.filters import Filter, metadata_field, operators
from pipeline.questions.ranges import PRESETS, Days, Instants, Preset, Range
from pipeline.questions.view import View
from tests.oracle import Event
from tests.support import NOW

PARIS = ZoneInfo("Europe/Paris")
TEXTS = (
    *(None, "", " ", "%", "_", "a%b", "a_b", "axb", "O'Brien", 'say "hi"', "a|b", "back\\slash", "a,b", "null"),
    *("Straße", "STRASSE", "İstanbul", "istanbul", "ΟΔΟΣ", "οδος", "é", "é", "😀", "^.*$", "[a-z]+", "$1", "{x}"),
    *("line\nbreak", "cr\r", "\ttab", "\u2028", "=1+1", "@cmd", "-5", "+3", "'quoted", "'; DROP TABLE events; --", "?"),
)
ADDRESSES = (
    *(None, "", "198.51.100.7", "198.51.100.200", "198.51.101.1", "10.0.0.1", "1.2.3", "300.1.1.1", "01.2.3.4"),
    *("::ffff:198.51.100.7", "::FFFF:c633:6407", "0:0:0:0:0:ffff:198.51.100.7", "2001:db8::1", "::1", "fe80::1%eth0"),
    *("2001:0DB8:0:0:0:0:0:1", "2001:db8:1::", "garbage", "a:b\nc"),
)
NETWORKS = (
    *("198.51.100.0/24", "198.51.100.7/32", "198.51.0.0/17", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1/128"),
    *("::ffff:198.51.100.0/120", "::ffff:0:0/96", "fe80::/10", "10.0.0.0/30", "1.2.3.4/31"),
)
KEYS = ("price", "my name", "a.b", "$x", "/s", "~t", 'q"q', "b\\b", "", "été", "0", "absent")
NUMBERS = (5, 5.0, -3.25, 0, 100000.0, 12, 9007199254740992, 0.1)
VALUES = (
    *NUMBERS,
    *("5", "5.00", "+5", ".5", "5.", "-3.25", "1e5", " 5", "5x", "0x10", "NaN", "inf", "", "text", "0.1", "１"),
    *(True, False, None, [], [5], {"a": 1}, {}, "O'Brien", 'say "hi"', "%"),
)
CUSTOMERS = (None, None, "007", "7", "c1", "C1", "ünï", "a:v1")  # parsing lets no empty id through
VISITORS = (None, "v1", "v2", "V2", "v3", "v4")
FIELDS = ("event", "country", "path", "customer_id", "anonymous_id", "person", "name", "email", "ip", "line", "device")


def events(seed: int, number: int) -> list[Event]:
    """Events with every stored field, from `seed`; many share their instant."""
    rng = random.Random(seed)
    return [_event(rng, position) for position in range(1, number + 1)]


def _event(rng: random.Random, position: int) -> Event:
    occurred_at = _instant(rng)
    event: Event = {field.name: None for field in STORED}
    event |= {name: rng.choice(TEXTS) for name in ("country", "path", "url", "title", "modal", "device", "region")}
    event |= {
        "message_id": f"m{position}",
        "source": "tests",
        "event_id": str(uuid5(NAMESPACE_URL, f"tests m{position}")),
        "event": rng.choice(["Page Viewed", "Registered", "Subscribed", *[text for text in TEXTS if text]]),
        "type": "track",
        "occurred_at": occurred_at,
        "received_at": occurred_at + timedelta(seconds=rng.choice([0, 0, 60, 86_400])),
        "customer_id": rng.choice(CUSTOMERS),
        "anonymous_id": rng.choice(VISITORS),
        "ip": rng.choice(ADDRESSES),
        "properties": _metadata(rng),
        "line": position,
        "trait_name": None,
        "trait_email": None,
    }
    if event["customer_id"]:
        event["trait_name"] = rng.choice([None, None, "Ann O'Neil", "Émile", "ann"])
        event["trait_email"] = rng.choice([None, None, "ann@example.com", "emile@example.com"])
    return event


def _instant(rng: random.Random) -> datetime:
    """Within some weeks before and a day after now; often on an edge: midnights, a change to winter time, repeats."""
    edges = [
        datetime(2026, 11, 1, tzinfo=PARIS),
        datetime(2026, 10, 25, tzinfo=PARIS),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        NOW,
        NOW - timedelta(hours=24),
        datetime(2026, 11, 23, tzinfo=PARIS),
        datetime(2026, 11, 24, tzinfo=PARIS),
    ]
    if rng.random() < 0.3:
        return (rng.choice(edges) + timedelta(microseconds=rng.choice([-1, 0, 1]))).astimezone(UTC)
    if rng.random() < 0.2:
        return datetime(2026, 11, rng.randint(10, 23), 12, tzinfo=UTC)
    return NOW - timedelta(microseconds=rng.randint(-86_400_000_000, 100 * 86_400_000_000) // rng.choice([1, 10, 100]))


def _metadata(rng: random.Random) -> str | None:
    if rng.random() < 0.1:
        return None
    chosen = rng.sample(KEYS[:-1], rng.randint(0, 4))
    return json.dumps({key: rng.choice(VALUES) for key in chosen}, ensure_ascii=False, separators=(",", ":"))


def ranges() -> st.SearchStrategy[Range]:
    days = st.dates(date(2026, 10, 20), date(2026, 11, 25))
    instants = st.datetimes(datetime(2026, 10, 24), datetime(2026, 11, 24), timezones=st.just(UTC))
    return st.one_of(
        st.sampled_from([Preset(name) for name in PRESETS]),
        st.tuples(days, days).map(lambda pair: Days(min(pair), max(pair))),
        st.tuples(instants, instants)
        .filter(lambda pair: pair[0] != pair[1])
        .map(lambda pair: Instants(min(pair), max(pair))),
    )


def fields() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(FIELDS), st.sampled_from(KEYS).map(metadata_field))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    field = draw(fields())
    op = draw(st.sampled_from(operators(field)))
    if op in WITHOUT_VALUE:
        return Filter(field, op)
    return Filter(field, op, tuple(draw(st.lists(_values(field, op), min_size=1, max_size=3))))


def views() -> st.SearchStrategy[View]:
    return st.builds(
        lambda range, filters: View(NOW, PARIS, range, tuple(filters)),
        ranges(),
        st.lists(filters(), max_size=3),
    )


def _values(field: str, op: Op) -> st.SearchStrategy[str]:
    """Mostly what is there, or a part of it; sometimes what is not."""
    if op is Op.IN_NETWORK:
        return st.sampled_from(NETWORKS)
    if op.value in ("=", "!=", "<", "<=", ">", ">="):
        return st.sampled_from([str(number) for number in NUMBERS] + ["5.5", "1e5", "-100", "3"])
    pools: dict[str, tuple[str | None, ...]] = {
        "ip": ADDRESSES,
        "customer_id": CUSTOMERS,
        "anonymous_id": VISITORS,
        "person": ("c:007", "c:7", "c:c1", "a:v1", "a:v4", "c:ünï", "c:a:v1", "v1", "a:V2"),
        "name": ("Ann O'Neil", "Émile", "ÉMILE", "ann", "o'n"),
        "email": ("ann@example.com", "EMILE", "@"),
    }
    texts = [text for text in pools.get(field, TEXTS) if text]
    if field.startswith("properties."):
        texts = [text if isinstance(text, str) else json.dumps(text, separators=(",", ":")) for text in VALUES]
    known = st.sampled_from([text for text in texts if text])
    part = known.flatmap(lambda text: st.integers(0, len(text) - 1).map(lambda at: text[at:] if at else text[:1]))
    other = st.text(alphabet="aA%_'\\|\"éÉİıſßΣς.*", min_size=1, max_size=3)
    return st.one_of(known, known, part, other)
