"""Objects and lines that nobody should send: each is told of in the ledger, and its neighbours are loaded."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import check
from tests.faults.peak import Peak
from tests.faults.places import Bucket
from tests.faults.producer import Body
from tests.faults.world import POINTS, World, slow

LARGEST = 20_000_000  # bytes that an object may inflate to here
MOST_MEMORY = 900  # MB of the pipeline's process, however large what it is given; about 300 of them are its libraries

# Lines of which none is an event, and why; MARK is what each is found by.
LINES: list[tuple[str, bytes]] = [
    ("line.too_long", b'{"a":"MARK' + b"x" * 3_000_000 + b'"}'),
    ("line.too_deep", b'{"MARK":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001),
    ("line.too_deep", b'{"MARK":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ("line.too_deep", b'{"MARK":' + b"[" * 5_000),  # and cut off
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":"\\ud800"}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":"\\udc00\\ud800"}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":"\xed\xa0\x80"}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":"\xc3"}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":"\x00"}}'),
    ("line.not_json", b'\x00{"type":"page","userId":"MARK"}'),
    ("line.not_json", b"MARK" + b"\x00" * 5_000),
    ("line.nul_in_id", b'{"type":"page","userId":"MARK\\u0000"}'),
    ("line.not_json", b'\xff\xfe{"type":"page","userId":"MARK"}'),
    ("line.not_json", '{"type":"page","userId":"MARK"}'.encode("utf-16-be").replace(b"\x00M\x00A\x00R\x00K", b"MARK")),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":NaN}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":-Infinity}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":1e400}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":' + b"9" * 5_000 + b"}}"),
    ("line.not_json", b'{"type":"page","userId":"MARK","properties":{"a":01}}'),
    ("line.not_json", b'{"type":"page","userId":"MARK",}'),
    ("line.not_object", b'["MARK"]'),
]


# Ten thousand events, no two of which are equal once NUMBER is a number of its own.
EVENTS = b"".join(b'{"type":"page","userId":"%d","messageId":"NUMBER-%d"}\n' % (n % 99, n) for n in range(10_000))


def odd_but_fine(world: World) -> Body:
    """Events of an unusual look, each of which counts: byte order marks, CR LF, keys twice, many keys, long numbers."""
    body = Body()
    for number, line in enumerate(_odd(world)):
        text = line if isinstance(line, bytes) else json.dumps(line).encode()
        body.parts.append((b"\xef\xbb\xbf" if number < 3 else b"") + text + (b"\r" if number % 2 else b""))
        body.events.add(json.loads(text)["messageId"])
        body.lines += 1
        body.parts.append((b"", b"\r", b" \t", b"\xef\xbb\xbf")[number % 4])  # blank lines of all kinds
    return body


def _odd(world: World) -> Iterator[dict[str, Any] | bytes]:
    event = world.producer.event
    yield from (event() for _ in range(8))
    yield event(properties={f"key {number}": number for number in range(20_000)})
    yield event(properties={"large": 10**30, "larger": 123456789012345678901, "small": -(2**63), "tiny": 1e-320})
    yield event(properties={"nul": "a\x00b", "lines": "\u2028\u0085\r\n", "brackets": "[{" * 500})
    yield event(properties={"": {"": [[], {}, None]}})
    yield b'{"messageId":"first","type":"page",' + json.dumps(event()).encode()[1:]


def bad_lines(world: World) -> tuple[Body, dict[str, str]]:
    """An object of good and bad lines in turn, and the code that each bad line's marker is to be found under."""
    body, codes = Body(), {}
    for code, line in LINES:
        marker = world.producer._next("bad")
        body.add_event(world.producer.event())
        body.add_bad_bytes(line.replace(b"MARK", marker.encode()), marker)
        codes[marker] = code
    body.add_event(world.producer.event())
    return body, codes


class Refused:
    """Lands objects of which nothing is loaded, and remembers what the ledger is to say of each."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.codes: dict[str, set[str]] = {}

    def land(self, name: str, body: bytes, *codes: str) -> None:
        key = f"{self.rng.randrange(10**6):06d}-{name}-{len(self.codes)}.jsonl.gz"
        self.world.place.put(key, body)
        self.codes[key] = set(codes)

    def broken(self) -> None:
        """Cut off, one bit wrong, or something else behind it, at seeded places."""
        world, rng = self.world, self.rng
        packed = world.producer.body(200).packed()
        self.land("cut", packed[: rng.randrange(3, len(packed))], "object.truncated")
        self.land("cut-member", packed + packed[: rng.randrange(3, len(packed))], "object.truncated", "object.corrupt")
        self.land("garbage", packed + rng.randbytes(rng.randrange(1, 2_000)) + b"x", "object.corrupt")
        broken = bytearray(world.producer.body(200).packed())
        broken[rng.randrange(len(broken) - 8, len(broken))] ^= 1 << rng.randrange(8)
        self.land("sum", packed + broken, "object.corrupt")
        body = world.producer.body(200)
        flipped = bytearray(body.packed())
        flipped[rng.randrange(2, len(flipped))] ^= 1 << rng.randrange(8)
        try:  # a bit of the header's time, say, means nothing
            assert gzip.decompress(flipped) == body.text()
        except (OSError, EOFError, ValueError, gzip.zlib.error):  # type: ignore[attr-defined]
            self.land("bit", bytes(flipped), "object.truncated", "object.corrupt")

    def others(self) -> None:
        self.land("bomb", gzip.compress(b"\x00" * (LARGEST + 1), 9), "object.too_large")
        twice = gzip.compress(json.dumps({"a": "x" * (LARGEST // 2)}).encode(), 1)
        self.land("bomb-of-members", twice * 3, "object.too_large")
        for name, magic in (("zip", b"PK\x03\x04"), ("zstd", b"\x28\xb5\x2f\xfd"), ("parquet", b"PAR1")):
            self.land(name, magic + self.rng.randbytes(500), "object.unsupported")

    def check(self) -> None:
        lake = self.world.lake()
        with lake.engine.cursor() as cursor:
            rows = cursor.execute(
                """SELECT parse_filename(key), state, last_error, lines, attempts FROM lake.objects
                   WHERE state <> 'loaded'"""
            ).fetchall()
        lake.close()
        assert {key for key, *_ in rows} == self.codes.keys()
        for key, state, error, lines, attempts in rows:
            assert (state, lines, attempts) == ("rejected", 0, 1), key
            code, _, sentence = error.partition(": ")
            assert code in self.codes[key], (key, error)
            assert sentence.endswith("."), error


def fine_members(world: World) -> None:
    """Several gzip members in one object, empty ones and zeros behind them too, are one text."""
    one, other = world.producer.body(50), world.producer.body(50)
    packed = one.packed() + gzip.compress(b"") + other.packed() + b"\x00" * 1_000
    world.place.put("members.jsonl.gz", packed)
    world.producer.book(one)
    world.producer.book(other)


def nothing_in_it(world: World) -> list[str]:
    bodies = {
        "empty": b"",
        "empty.gz": gzip.compress(b""),
        "blank": b"\r\n \t\n\xef\xbb\xbf\n" * 10_000,
        "feeds": b"\n",
    }
    for key, body in bodies.items():
        world.place.put(key, body)
    return [*bodies]


def like_a_directory(world: World) -> None:
    """A folder that is called like an object; in a bucket the empty object by which consoles make it, too."""
    if isinstance(world.place, Bucket):
        world.place.put("folder.jsonl.gz/", b"")
    world.producer.put(world.producer.body(20), "folder.jsonl.gz/1.jsonl.gz")


def states(world: World, keys: list[str]) -> set[tuple[str, int]]:
    lake = world.lake()
    with lake.engine.cursor() as cursor:
        rows = cursor.execute("SELECT parse_filename(key), state, lines FROM lake.objects").fetchall()
    lake.close()
    found = {key: (state, lines) for key, state, lines in rows}
    return {found[key] for key in keys}


def check_lines(world: World, landed: dict[bytes, str]) -> None:
    """Each bad line is there by its raw bytes, which are kept whole unless they are very many, with its code."""
    lake = world.lake()
    with lake.engine.cursor() as cursor:
        rows = cursor.execute("SELECT raw, code, reason FROM lake.rejected").fetchall()
    lake.close()
    found = {bytes(raw): (code, reason) for raw, code, reason in rows}
    for line, code in landed.items():
        kept, reason = found[line[: 64 * 1024]]
        assert kept == code, line[:100]
        assert reason.endswith("."), reason
        assert ("are kept" in reason) == (len(line) > 64 * 1024)


def test_what_is_bad_is_told_of_and_all_the_rest_is_loaded(world: World) -> None:
    world.more["ACTIVITY_MAX_OBJECT_BYTES"] = f"{LARGEST}"
    refused = Refused(world, random.Random(7))
    landed: dict[bytes, str] = {}
    with world.reader() as reader:
        for _ in range(POINTS):
            refused.broken()
            world.producer.land()
            body, codes = bad_lines(world)
            world.producer.put(body)
            landed |= {part: codes[marker] for marker in codes for part in body.parts if marker.encode() in part}
        refused.others()
        world.producer.put(odd_but_fine(world))
        fine_members(world)
        like_a_directory(world)
        empty = nothing_in_it(world)
        running = world.start()
        with Peak(running) as peak:
            assert running.wait() == 0, world.log()
    print(f"bad input: {peak.megabytes} MB at most")
    reader.check()
    assert "Traceback" not in world.log()
    refused.check()
    check_lines(world, landed)
    assert states(world, empty) == {("loaded", 0)}
    assert peak.megabytes < MOST_MEMORY
    check(world)


@slow
@pytest.mark.parametrize("place", ["folder"], indirect=True)
@pytest.mark.parametrize(
    ("what", "block", "times", "state"),
    [
        ("a bomb of 10 GB", b"\x00" * 10_000_000, 1_000, "rejected"),
        ("a line of 200 MB", b"x" * 10_000_000, 20, "loaded"),
        ("a JSON text of 200 MB", b'{"a":' * 2_000_000, 20, "loaded"),
        ("blank lines of 200 MB", b"\n" * 10_000_000, 20, "loaded"),
        ("a million short bad lines", b"x\n" * 100_000, 10, "loaded"),
        ("a million events", EVENTS, 100, "loaded"),
    ],
)
def test_memory_is_bounded(world: World, tmp_path: Path, what: str, block: bytes, times: int, state: str) -> None:
    huge = tmp_path / "huge"
    with gzip.open(huge, "wb", compresslevel=1) as file:
        for number in range(times):
            file.write(block.replace(b"NUMBER", b"%d" % number))
    world.place.put("huge.jsonl.gz", huge.read_bytes())
    world.producer.land(3)
    running = world.start()
    with world.reader() as reader, Peak(running) as peak:
        assert running.wait(1_200) == 0, world.log()
    print(f"{what}: {peak.megabytes} MB at most")
    reader.check()
    [(found, _)] = states(world, ["huge.jsonl.gz"])
    assert found == state
    assert peak.megabytes < MOST_MEMORY
