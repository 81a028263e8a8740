"""What every source promises, held for a folder and for a real S3 server alike; then what only S3 can get wrong."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from pipeline.errors import ObjectGone, ObjectRejected, SourceError
from pipeline.landing import object_key
from pipeline.settings import SourceSpec
from pipeline.sources import ObjectRef, Source, Sweep, open_source
from tests.support_parse import parse
from tests.support_s3 import S3Server, make_client, set_credentials

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
LINE = b'{"type":"track","event":"Read","userId":"u","messageId":"m"}\n'
BIG = 1 << 30


@dataclass
class Place:
    """Somewhere to put objects, and the source that reads them there."""

    uri: str
    open: Callable[[str], Source]
    put: Callable[[str, bytes], None]
    delete: Callable[[str], None]

    @property
    def source(self) -> Source:
        return self.open(self.uri)

    def keys(self, sweep: Sweep = Sweep.ALL, now: datetime = NOW) -> list[str]:
        return [ref.path.rpartition("/top/")[2] for ref in self.source.list(now, sweep)]

    def only(self) -> ObjectRef:
        (ref,) = self.source.list(NOW, Sweep.ALL)
        return ref

    def fetch(self, ref: ObjectRef, max_inflated: int = BIG) -> bytes:
        with self.source.fetch(ref, max_inflated=max_inflated) as file:
            return file.read()


def _folder(tmp_path: Path) -> Place:
    top = tmp_path / "top"
    top.mkdir()

    def put(key: str, body: bytes) -> None:
        path = top / key
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(body)
        os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))  # disks may keep whole seconds only

    return Place(str(top), lambda uri: open_source(SourceSpec(uri)), put, lambda key: (top / key).unlink())


def _bucket(server: S3Server) -> Place:
    bucket = server.bucket(f"contract-{uuid4().hex[:12]}")
    return Place(
        f"s3://{bucket}/top",
        lambda uri: open_source(SourceSpec(uri), endpoint_url=server.endpoint_url, region="us-east-1"),
        lambda key, body: server.put(bucket, f"top/{key}", body),
        lambda key: server.client.delete_object(Bucket=bucket, Key=f"top/{key}"),
    )


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return _folder(tmp_path)
    request.getfixturevalue("s3_credentials")
    return _bucket(request.getfixturevalue("s3_server"))


class TestEverySource:
    def test_lists_all_objects_with_what_the_ledger_needs(self, place: Place) -> None:
        place.put("a.jsonl", LINE)
        place.put("deep/er/b.jsonl.gz", gzip.compress(LINE))
        found = {ref.path.rpartition("/top/")[2]: ref for ref in place.source.list(NOW, Sweep.ALL)}
        assert set(found) == {"a.jsonl", "deep/er/b.jsonl.gz"}
        ref = found["a.jsonl"]
        assert (ref.size, ref.source) == (len(LINE), place.source.uri)
        assert ref.etag
        assert ref.modified.utcoffset() == timedelta(0)

    def test_an_empty_place_that_exists_is_empty(self, place: Place) -> None:
        place.put("once", LINE)
        place.delete("once")
        assert place.keys() == []

    def test_fetches_plain_and_gzip_alike(self, place: Place) -> None:
        place.put("plain", LINE * 3)
        place.put("gzip.without.suffix", gzip.compress(LINE) + gzip.compress(LINE * 2))  # of two members
        place.put("empty", b"")
        assert [place.fetch(ref) for ref in sorted(place.source.list(NOW, Sweep.ALL), key=lambda ref: ref.key)] == [
            b"",
            LINE * 3,
            LINE * 3,
        ]

    def test_what_is_fetched_parses(self, place: Place) -> None:
        place.put("segment-logs/shop/1795392000000/1.gz", gzip.compress(LINE + b"not json\n"))
        ref = place.only()
        with place.source.fetch(ref, max_inflated=BIG) as file:
            (parsed,) = parse(file, ref, 7, received_fallback=ref.modified)
        row = parsed.table.to_pylist()[0]
        assert (row["source"], row["object"], row["received_at"]) == ("shop", 7, ref.modified)
        assert [(each.line, each.code) for each in parsed.rejected] == [(2, "line.not_json")]

    def test_an_overwritten_object_has_another_etag_and_its_old_version_is_gone(self, place: Place) -> None:
        place.put("a", LINE)
        old = place.only()
        place.put("a", LINE.replace(b"Read", b"Like"))  # of the same size
        new = place.only()
        assert (new.key, new.size) == (old.key, old.size)
        assert new.etag != old.etag
        with pytest.raises(ObjectGone, match=r"overwritten|changed"):
            place.fetch(old)
        assert b"Like" in place.fetch(new)

    def test_a_repeated_write_of_the_same_object_can_be_fetched(self, place: Place) -> None:
        place.put("a", LINE)
        place.put("a", LINE)
        assert place.fetch(place.only()) == LINE

    def test_an_object_deleted_after_listing_is_gone(self, place: Place) -> None:
        place.put("a", LINE)
        ref = place.only()
        place.delete("a")
        with pytest.raises(ObjectGone, match="deleted"):
            place.fetch(ref)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (gzip.compress(LINE * 1000)[:-9], "object.truncated"),
            (gzip.compress(LINE * 1000)[:12], "object.truncated"),
            (gzip.compress(LINE)[:-8] + b"\0" * 8, "object.corrupt"),
            (gzip.compress(LINE) + b"trailing garbage", "object.corrupt"),
            (gzip.compress(LINE * 1000), "object.too_large"),
            (LINE * 1000, "object.too_large"),
            (b"PK\x03\x04" + LINE, "object.unsupported"),
        ],
        ids=["cut in the trailer", "cut in the header", "checksum", "garbage after", "gzip bomb", "large", "zip"],
    )
    def test_an_object_that_can_never_be_read_is_rejected_whole(self, place: Place, body: bytes, code: str) -> None:
        place.put("a.gz", body)
        with pytest.raises(ObjectRejected) as caught:
            place.fetch(place.only(), max_inflated=20_000 if code == "object.too_large" else BIG)
        assert caught.value.code == code
        assert caught.value.hint

    def test_one_object_can_be_a_source(self, place: Place) -> None:
        place.put("a.jsonl", LINE)
        place.put("a.jsonl.bak", LINE * 2)
        source = place.open(f"{place.uri}/a.jsonl")
        (ref,) = source.list(NOW, Sweep.RECENT)
        with source.fetch(ref, max_inflated=BIG) as file:
            assert file.read() == LINE

    def test_a_folder_does_not_take_in_its_namesakes(self, place: Place) -> None:
        place.put("logs/a", LINE)
        place.put("logs-old/b", LINE)
        assert [ref.key.rpartition("/")[2] for ref in place.open(f"{place.uri}/logs").list(NOW, Sweep.ALL)] == ["a"]

    def test_sweeps_leave_out_only_folders_dated_outside_of_them(self, place: Place) -> None:
        midnight = "1795392000000"  # 2026-11-23
        long_ago = "1790000000000"
        recent = [
            "v1/dt=2026-11-23/hh=14/a",
            "v1/dt=2026-11-23/hh=13/a",
            f"segment-logs/shop/{midnight}/a",
            "x/rudder-logs/site/2026-11-22/a",
            "x/rudder-logs/site/11-23-2026/a",
            "2026/11/23/14/a",
            "other/folder/a",
            "a",
        ]
        days = [
            "v1/dt=2026-11-23/hh=12/a",
            "v1/dt=2026-11-21/hh=00/a",
            "x/rudder-logs/site/2026-11-21/a",
            "2026/11/22/20/a",
        ]
        old = [
            "v1/dt=2026-11-01/hh=14/a",
            f"segment-logs/shop/{long_ago}/a",
            "x/rudder-logs/site/01-23-2026/a",
            "2025/11/23/14/a",
        ]
        for key in [*recent, *days, *old]:
            place.put(key, LINE)
        assert sorted(place.keys(Sweep.RECENT)) == sorted(recent)
        assert sorted(place.keys(Sweep.DAYS)) == sorted(recent + days)
        assert sorted(place.keys(Sweep.ALL)) == sorted(recent + days + old)

    def test_just_after_midnight_the_previous_hour_is_yesterday(self, place: Place) -> None:
        place.put("v1/dt=2026-12-31/hh=23/a", LINE)
        place.put("2026/12/31/23/b", LINE)
        place.put("v1/dt=2026-12-31/hh=22/c", LINE)
        place.put("v1/dt=2027-01-01/hh=00/d", LINE)
        found = place.keys(Sweep.RECENT, datetime(2027, 1, 1, 0, 0, 30, tzinfo=UTC))
        assert sorted(found) == ["2026/12/31/23/b", "v1/dt=2026-12-31/hh=23/a", "v1/dt=2027-01-01/hh=00/d"]

    def test_late_objects_are_listed_as_soon_as_they_are_there(self, place: Place) -> None:
        place.put("v1/dt=2026-11-23/hh=14/2", LINE)
        assert place.keys(Sweep.RECENT) == ["v1/dt=2026-11-23/hh=14/2"]
        place.put("v1/dt=2026-11-23/hh=14/1", LINE)  # out of order
        assert sorted(place.keys(Sweep.RECENT)) == ["v1/dt=2026-11-23/hh=14/1", "v1/dt=2026-11-23/hh=14/2"]

    def test_the_newest_sweep_passes_over_the_hours_earlier_objects(self, place: Place) -> None:
        keys = [object_key(int((NOW - timedelta(minutes=minutes)).timestamp() * 1000)) for minutes in (20, 6, 4, 0)]
        for key in keys:
            place.put(key, LINE)
        assert sorted(place.keys(Sweep.NEWEST)) == sorted(keys[2:])
        assert sorted(place.keys(Sweep.RECENT)) == sorted(keys)

    def test_more_than_a_thousand_objects(self, place: Place) -> None:
        keys = [f"v1/dt=2026-11-23/hh=14/{number:04}" for number in range(1_105)]
        for key in keys:
            place.put(key, b"x")
        assert sorted(place.keys(Sweep.ALL)) == keys
        assert sorted(place.keys(Sweep.RECENT)) == keys

    def test_keys_with_spaces_and_other_letters(self, place: Place) -> None:
        place.put("année 2026/№ 1+2%20=3?.jsonl", LINE)
        assert place.keys() == ["année 2026/№ 1+2%20=3?.jsonl"]
        assert place.fetch(place.only()) == LINE


@pytest.mark.usefixtures("s3_credentials")
class TestS3:
    def _list(self, uri: str, endpoint_url: str) -> list[ObjectRef]:
        return list(open_source(SourceSpec(uri), endpoint_url=endpoint_url, region="us-east-1").list(NOW, Sweep.RECENT))

    def _refused(self, uri: str, endpoint_url: str) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self._list(uri, endpoint_url)
        assert caught.value.hint
        return caught.value

    def test_missing_bucket(self, s3_server: S3Server) -> None:
        error = self._refused("s3://no-such-bucket/prefix", s3_server.endpoint_url)
        assert error.code == "source.no_bucket"
        assert "no-such-bucket" in str(error)

    def test_invalid_bucket_name(self, s3_server: S3Server) -> None:
        assert self._refused("s3://no bucket!/prefix", s3_server.endpoint_url).code == "source.no_bucket"

    def test_wrong_key_id(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        set_credentials(monkeypatch, "somebody-else", "secret-of-somebody")
        error = self._refused("s3://ready/", s3_server.endpoint_url)
        assert error.code == "source.credentials"
        assert "secret-of-somebody" not in str(error)

    def test_wrong_secret(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        set_credentials(monkeypatch, os.environ["AWS_ACCESS_KEY_ID"], "wrong-secret")
        error = self._refused("s3://ready/", s3_server.endpoint_url)
        assert (error.code, "wrong-secret" in str(error)) == ("source.credentials", False)

    def test_no_credentials_at_all(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        assert self._refused("s3://ready/", s3_server.endpoint_url).code == "source.credentials"

    def test_unknown_profile(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        assert self._refused("s3://ready/", s3_server.endpoint_url).code == "source.credentials"

    def test_unreachable_endpoint_does_not_show_what_its_url_holds(self) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            error = self._refused("s3://ready/", f"http://user:password@127.0.0.1:{port}")
        assert error.code == "source.unreachable"
        assert str(port) in str(error)
        assert "password" not in str(error)

    def test_endpoint_that_is_no_url(self) -> None:
        assert self._refused("s3://ready/", "not a url").code == "source.endpoint"

    def test_folder_placeholders_are_no_objects(self, s3_server: S3Server) -> None:
        bucket = s3_server.bucket(f"placeholders-{uuid4().hex[:8]}")
        s3_server.put(bucket, "top/", b"")
        s3_server.put(bucket, "top/a", LINE)
        assert [ref.key for ref in self._list(f"s3://{bucket}", s3_server.endpoint_url)] == ["top/a"]


PACKED = gzip.compress(LINE * 1000, mtime=0)


class Faulty(BaseHTTPRequestHandler):
    """An S3 that fails as it is told to: a listing of one object, whose body breaks off; or an error code."""

    status, code = 200, ""

    def do_GET(self) -> None:
        listing = "list-type" in self.path
        if self.code:
            body, length = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode(), None
        elif listing:
            body, length = (
                (
                    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.gz</Key>"
                    b"<Size>%d</Size>"
                    % len(PACKED)
                    + b"<ETag>e</ETag><LastModified>2026-11-23T12:00:00Z</LastModified></Contents></ListBucketResult>"
                ),
                None,
            )
        else:
            body, length = PACKED[:-10], len(PACKED)
        self.send_response(self.status)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is not a log."""


@contextmanager
def _failing(status: int = 200, code: str = "") -> Iterator[str]:
    handler = type("Handler", (Faulty,), {"status": status, "code": code})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.usefixtures("s3_credentials")
def test_a_connection_that_breaks_off_is_worth_another_try() -> None:
    """The object is whole where it lies: rejecting it as truncated would lose it."""
    with _failing() as url:
        source = open_source(SourceSpec("s3://bucket"), endpoint_url=url, region="us-east-1")
        (ref,) = source.list(NOW, Sweep.ALL)
        with pytest.raises(SourceError, match="broke off") as caught:
            source.fetch(ref, max_inflated=BIG)
    assert caught.value.code == "source.unreachable"


@pytest.mark.usefixtures("s3_credentials")
@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (403, "AccessDenied", "source.denied"),
        (403, "RequestTimeTooSkewed", "source.clock"),
        (400, "ExpiredToken", "source.credentials"),
        (400, "AuthorizationHeaderMalformed", "source.region"),
        (503, "SlowDown", "source.busy"),
        (418, "ImATeapot", "source.unavailable"),
    ],
)
def test_what_s3_answers_is_said_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, status: int, answer: str, code: str
) -> None:
    monkeypatch.setattr("pipeline.sources.s3.ATTEMPTS", 1)  # no waiting between tries
    with _failing(status, answer) as url, pytest.raises(SourceError) as caught:
        list(open_source(SourceSpec("s3://bucket"), endpoint_url=url, region="us-east-1").list(NOW, Sweep.ALL))
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.fixture
def moto_url() -> Iterator[str]:
    """moto where SeaweedFS cannot be brought to fail: an object in Glacier."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.usefixtures("s3_credentials")
def test_an_object_in_glacier_is_rejected_with_the_way_to_restore_it(moto_url: str) -> None:
    client = make_client(moto_url)
    client.create_bucket(Bucket="cold")
    client.put_object(Bucket="cold", Key="a", Body=LINE, StorageClass="GLACIER")
    client.close()
    source = open_source(SourceSpec("s3://cold"), endpoint_url=moto_url, region="us-east-1")
    (ref,) = source.list(NOW, Sweep.ALL)
    with pytest.raises(ObjectRejected, match="Restore it") as caught:
        source.fetch(ref, max_inflated=BIG)
    assert caught.value.code == "object.archived"
