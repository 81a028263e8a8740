"""What is done to boto3's answers."""

from __future__ import annotations

import pytest
from botocore.utils import parse_timestamp

from pipeline import s3
from pipeline.s3 import _time


@pytest.mark.parametrize(
    "told",
    [
        "2026-12-02T06:28:17.000Z",  # a listing of Amazon's
        "2026-12-02T06:28:17Z",
        "2026-12-02T06:28:17.123456789Z",  # SeaweedFS and others, by the nanosecond
        "Wed, 02 Dec 2026 06:28:17 GMT",  # the header of an object
        "1764656897",
        1764656897.5,
        "2026-12-02 06:28:17+01:00",
    ],
)
def test_a_time_is_read_as_botocore_reads_it(told: str | float) -> None:
    assert _time(told) == parse_timestamp(told)


def test_what_is_no_time_is_refused_as_botocore_refuses_it() -> None:
    with pytest.raises(ValueError, match="yesterdayZ"):
        _time("yesterdayZ")


def test_a_listings_times_are_read_without_botocores_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "parse_timestamp", lambda told: pytest.fail("it took more time than all else of a listing"))
    _time("2026-12-02T06:28:17.000Z")


def test_every_client_reads_times_so() -> None:
    client = s3.open_client("http://localhost:1", "us-east-1")
    parser = client._endpoint._response_parser_factory.create_parser("rest-xml")
    assert parser._timestamp_parser is _time
