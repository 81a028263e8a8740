"""Whose a line is, and what stays of an object when lines leave it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.erasure import Erasure, erase
from pipeline.erasure.theirs import email_name, mentions
from pipeline.lake import Lake
from pipeline.run import Pipeline
from pipeline.sources import Sweep
from pipeline.state import Erased, State
from tests.support import make_settings

NOW = datetime.now(UTC).replace(microsecond=0)
ERASED = Erased(b"a key").and_also(["c:anna", "c:17", "a:v-1", email_name("Anna@Example.net")])


def event(message_id: str, minute: int = 0, **more: Any) -> dict[str, Any]:
    stamp = (NOW - timedelta(hours=2) + timedelta(minutes=minute)).isoformat()
    return {"messageId": message_id, "type": "track", "event": "Read", "timestamp": stamp, "receivedAt": stamp, **more}


class Site:
    """An installation with a folder of archives."""

    def __init__(self, folder: Path) -> None:
        self.archives = folder / "landing"
        self.archives.mkdir()
        self.settings = make_settings(folder, workers=1)
        self.lake = Lake.open(self.settings)

    def put(self, name: str, text: bytes) -> Path:
        path = self.archives / name
        path.write_bytes(text)
        loading = Pipeline(self.settings, self.lake, lambda: datetime.now(UTC))
        loading.poll(Sweep.ALL)
        loading.close()
        return path

    def erase(self, customer: str) -> Erasure:
        return erase(self.settings, self.lake, State(self.settings.data), customer, NOW)

    def ids(self) -> list[str]:
        snapshot = self.lake.snapshot()
        return sorted(row["message_id"] for row in snapshot.fetch(snapshot.events).to_pylist())


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


@pytest.mark.parametrize(
    ("raw", "theirs"),
    [
        (b'{"userId": "anna", "type": "track"}', True),
        (b'{"userId": 17}', True),
        (b'{"userId": 170}', False),
        (b'{"anonymousId": "v-1", "type": "track"}', True),
        (b'{"anonymousId": "anna"}', True),  # some sites send one id in both places
        (b'{"type": "alias", "previousId": "anna"}', True),
        (b'{"properties": {"author": "anna"}}', False),
        (b'{"traits": {"contact": ["ANNA@example.net"]}}', True),
        (b'{"userId": "anna", ', True),
        (b'{"userId": "\\u0061nna", ', True),
        (b'{"userId": 17, ', True),
        (b'{"userId": 170, "x": 1.17, ', False),
        (b'{"userId": "joanna", ', False),
        (b'{"email": "anna@example.net"', True),
        (b'\xff\xfe{"userId":"anna"}', True),
        (b"", False),
    ],
)
def test_a_rejected_line_is_theirs_by_its_ids_and_their_email(raw: bytes, theirs: bool) -> None:
    assert mentions(raw, ERASED) is theirs


def test_a_visitor_is_theirs_only_where_they_were_first_linked_to_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(
        "1.json",
        lines(
            event("hers before", 0, anonymousId="hers"),
            event("hers", 1, anonymousId="hers", userId="anna"),
            event("shared, bob", 2, anonymousId="shared", userId="bob"),
            event("shared, anna", 3, anonymousId="shared", userId="anna"),
            event("shared, nobody", 4, anonymousId="shared"),
            event("hers, bob", 5, anonymousId="hers", userId="bob"),
        ),
    )
    site.erase("anna")
    assert site.ids() == ["hers, bob", "shared, bob", "shared, nobody"]
    snapshot = site.lake.snapshot()
    [link] = snapshot.fetch(snapshot.links).to_pylist()
    assert (link["anonymous_id"], link["customer_id"]) == ("shared", "bob")
    site.put("2.json", lines(event("hers later", anonymousId="hers"), event("shared later", anonymousId="shared")))
    assert "shared later" in site.ids()
    assert "hers later" not in site.ids()


@pytest.mark.parametrize("packed", [False, True])
def test_every_other_byte_of_an_object_stays_as_it_was(tmp_path: Path, packed: bool) -> None:
    site = Site(tmp_path)
    kept = [
        b"\r\n",
        json.dumps(event("long", userId="bob", properties={"text": "\u2028" + "x" * 2_500_000})).encode() + b"\n",
        b'{"broken": "bob",\n',
        b"\n",
        json.dumps(event("last", userId="bob")).encode(),
    ]
    hers = lines(event("hers", userId="anna"))
    whole = kept[0] + hers + kept[1] + kept[2] + hers + kept[3] + kept[4]
    path = site.put("1.json", gzip.compress(whole) if packed else whole)
    modified = path.stat().st_mtime
    assert site.erase("anna").objects.lines == 2
    left = path.read_bytes()
    assert (gzip.decompress(left) if packed else left) == b"".join([kept[0], b"\n", *kept[1:3], b"\n", *kept[3:]])
    assert abs(path.stat().st_mtime - modified) < 0.001, "events without a time of their own go by the file's"


def test_a_second_customer_is_erased_beside_the_first(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put("1.json", lines(*[event(name, userId=name) for name in ("anna", "bob", "carl")]))
    first, second = site.erase("anna"), site.erase("bob")
    assert (first.hash != second.hash, site.ids()) == (True, ["carl"])
    site.put("2.json", lines(*[event(name, userId=name) for name in ("anna", "bob", "dora")]))
    assert site.ids() == ["carl", "dora"]


def test_hashes_are_keyed_and_the_key_is_this_installations(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        keys |= {State(tmp_path / name).erasures.known().key, State(tmp_path / name).erasures.known().key}
    assert len(keys) == 2
    assert min(len(key) for key in keys) == 32
    assert Erased(b"one").hash_of("c:anna") != Erased(b"two").hash_of("c:anna")
