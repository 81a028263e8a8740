from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import maxminddb
import orjson
import pytest

from pipeline.__main__ import main
from pipeline.demo import history
from pipeline.demo.places import BENCHMARK, DOCUMENTATION, DOCUMENTATION_V6
from pipeline.demo.plan import Plan
from pipeline.demo.site import ENTRIES
from pipeline.errors import ActivityError

END = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)  # two days after Europe put its clocks on
PLAN = Plan(int(END.timestamp() * 1000), days=7, events=18_000, customers=480, seed=3)

Event = dict[str, Any]


def objects_in(data: Path) -> list[Path]:
    return sorted((data / "landing").rglob("*.jsonl.gz"))


def lines_in(data: Path) -> list[bytes]:
    return [line for path in objects_in(data) for line in gzip.decompress(path.read_bytes()).splitlines()]


def readable(line: bytes) -> bool:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(event, dict) and "receivedAt" in event


def name(event: Event) -> str:
    return str(event.get("event") or event["type"])


def people(events: list[Event], *names: str) -> set[str]:
    return {event["anonymousId"] for event in events if name(event) in names and "anonymousId" in event}


def shown(events: list[Event], modal: str) -> set[str]:
    modals = [e for e in events if name(e) == "Modal Displayed" and e["properties"]["name"] == modal]
    return people(modals, "Modal Displayed")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    history.write(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def lines(data: Path) -> list[bytes]:
    return lines_in(data)


@pytest.fixture(scope="module")
def events(lines: list[bytes]) -> list[Event]:
    """Each well-formed event once, in the order received."""
    once: dict[str, Event] = {}
    for event in map(orjson.loads, filter(readable, lines)):
        once.setdefault(event["messageId"], event)
    return list(once.values())


def test_two_runs_of_one_plan_agree_byte_for_byte(data: Path, tmp_path: Path) -> None:
    history.write(PLAN, tmp_path)
    files = sorted(path.relative_to(data) for path in data.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((data / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)


def test_another_seed_is_another_history(events: list[Event]) -> None:
    other = Plan(PLAN.end_ms, days=1, events=500, customers=100, seed=4)
    ids = {event["messageId"] for event in events}
    assert ids.isdisjoint(orjson.loads(line)["messageId"] for _, line in history.lines(other))


def test_the_plan_is_kept(events: list[Event], data: Path) -> None:
    assert 0.9 * PLAN.events < len(events) < 1.1 * PLAN.events
    customers = {event["userId"] for event in events if "userId" in event}
    assert 0.97 * PLAN.customers <= len(customers) <= PLAN.customers
    assert all(customer.startswith("cus_") for customer in customers)
    assert len({event["anonymousId"] for event in events if "anonymousId" in event}) > 2 * len(customers)


def test_objects_hold_one_hour_and_are_named_by_it(data: Path) -> None:
    paths = objects_in(data)
    hours = [path.relative_to(data / "landing").parts[:3] for path in paths]
    assert len(set(hours)) == len(paths) == PLAN.days * 24 + 1
    for path in paths:
        received_ms = int(path.name.partition("-")[0])
        hour = datetime.fromtimestamp(received_ms / 1000, UTC)
        assert path.parent == data / "landing" / "v1" / f"dt={hour:%Y-%m-%d}" / f"hh={hour:%H}"
        for line in filter(readable, gzip.decompress(path.read_bytes()).splitlines()):
            assert orjson.loads(line)["receivedAt"][:13] == f"{hour:%Y-%m-%dT%H}"
    assert not list(data.rglob(".*")), "no temporary file stays"


def test_the_last_events_run_up_to_the_end(events: list[Event]) -> None:
    received = sorted(datetime.fromisoformat(event["receivedAt"]) for event in events)
    assert received[-1] < END
    assert (END - received[-1]).total_seconds() < 300


def test_some_lines_are_broken_and_some_come_twice(lines: list[bytes]) -> None:
    broken = [line for line in lines if not readable(line)]
    assert sorted(broken) == sorted(history.BROKEN)
    copies: dict[str, list[Event]] = {}
    for event in map(orjson.loads, filter(readable, lines)):
        copies.setdefault(event["messageId"], []).append(event)
    repeated = [group for group in copies.values() if len(group) > 1]
    assert 10 < len(repeated) <= history.REDELIVERED
    for first, *others in repeated:
        for other in others:
            assert {**first, "receivedAt": 0, "sentAt": 0} == {**other, "receivedAt": 0, "sentAt": 0}
            assert first["receivedAt"] < other["receivedAt"]


def test_nothing_real_is_named(events: list[Event]) -> None:
    """Own sites, mail addresses and IP addresses are from the ranges reserved for this."""
    networks: list[IPv4Network | IPv6Network] = [BENCHMARK, *DOCUMENTATION, DOCUMENTATION_V6]
    foreign = {urlsplit(entry.referrer).hostname for entry in ENTRIES}
    for event in events:
        if "ip" in event:
            assert any(ip_address(event["ip"]) in network for network in networks), event["ip"]
        page = event["context"].get("page", {})
        if page:
            assert _example(urlsplit(page["url"]).hostname), page["url"]
            referrer = urlsplit(page["referrer"]).hostname
            assert referrer in foreign or _example(referrer), page["referrer"]
        if event["type"] == "identify":
            assert _example(event["traits"]["email"].rpartition("@")[2])
    families = {ip_address(event["ip"]).version for event in events if "ip" in event}
    assert families == {4, 6}


def _example(host: str | None) -> bool:
    domain = ".".join((host or "").split(".")[-2:])
    return domain in {"example.com", "example.net", "example.org"}


def test_what_people_do_is_plausible(events: list[Event]) -> None:
    count = Counter(map(name, events))
    assert {
        *("page", "identify", "Modal Displayed", "Registered", "Subscribed", "Newsletter Subscribed", "Logged In"),
        *("Article Shared", "Video Played", "Searched", "Subscription Renewed"),
    } <= set(count)
    assert 0.6 < count["page"] / len(events) < 0.85
    met, registered, subscribed = shown(events, "meter"), people(events, "Registered"), people(events, "Subscribed")
    assert 0.05 < len(met & registered) / len(met) < 0.4
    assert shown(events, "register modal") >= registered
    assert shown(events, "subscription create modal") >= subscribed
    assert shown(events, "subscription success modal") == subscribed
    assert 0.02 < len(subscribed) / len(shown(events, "selection modal")) < 0.6


def test_nobody_is_known_before_registering(events: list[Event]) -> None:
    """A visitor who registers reads anonymously before, and under the customer's id from then on."""
    registered = people(events, "Registered")
    by_visitor: dict[str, list[Event]] = {}
    for event in events:
        if event.get("anonymousId") in registered:
            by_visitor.setdefault(event["anonymousId"], []).append(event)
    assert registered
    for visit in by_visitor.values():
        visit.sort(key=lambda event: str(event["timestamp"]))
        moment = next(index for index, event in enumerate(visit) if name(event) == "Registered")
        assert all("userId" not in event for event in visit[:moment])
        assert len({event["userId"] for event in visit[moment:]}) == 1


def test_subscriptions_and_identities_say_what_reports_need(events: list[Event]) -> None:
    for event in (event for event in events if name(event) == "Subscribed"):
        properties = event["properties"]
        assert {"plan", "amount", "currency", "interval"} <= set(properties)
        assert isinstance(properties["amount"], float)
    for event in (event for event in events if event["type"] == "identify"):
        assert {"name", "email"} <= set(event["traits"])
        assert "userId" in event


def test_page_views_carry_metadata_of_the_article(events: list[Event]) -> None:
    articles = [e["properties"] for e in events if e["type"] == "page" and e["properties"]["type"] == "article"]
    assert len({properties["article:section"] for properties in articles}) > 5
    assert all(0 <= properties["scroll_percent"] <= 100 for properties in articles)
    assert all(properties["engaged_seconds"] > 0 for properties in articles)


def test_servers_send_events_without_a_browser(events: list[Event]) -> None:
    renewals = [event for event in events if event["source"] == "billing"]
    assert renewals
    assert all("userId" in event and "anonymousId" not in event and "ip" not in event for event in renewals)


def test_readers_sleep_at_night_and_crawlers_are_few(events: list[Event]) -> None:
    london = [event for event in events if event["context"].get("timezone") == "Europe/London"]
    hours = Counter(int(event["timestamp"][11:13]) for event in london)
    assert sum(hours[hour] for hour in range(1, 5)) < 0.25 * sum(hours[hour] for hour in range(17, 21))
    crawlers = sum("bot" in event.get("userAgent", "").lower() for event in events)
    assert 0.005 < crawlers / len(events) < 0.08


def test_wrong_clocks_are_corrected_as_the_collector_does(events: list[Event]) -> None:
    def seconds(event: Event, field: str) -> float:
        return datetime.fromisoformat(event[field]).timestamp()

    browser = [event for event in events if "originalTimestamp" in event]
    for event in browser:
        corrected = seconds(event, "receivedAt") - (seconds(event, "sentAt") - seconds(event, "originalTimestamp"))
        assert seconds(event, "timestamp") == pytest.approx(corrected, abs=0.002)
    assert any(abs(seconds(event, "originalTimestamp") - seconds(event, "timestamp")) > 3_000 for event in browser)


def test_the_database_knows_the_addresses(events: list[Event], data: Path) -> None:
    addresses = {event["ip"] for event in events if "ip" in event}
    with maxminddb.open_database(data / history.GEO_FILE) as database:
        found = {address: record for address in addresses if (record := database.get(address))}
        assert database.metadata().build_epoch == int(END.timestamp())
    assert 0.97 < len(found) / len(addresses) < 1
    zones = {event["ip"]: event["context"]["timezone"] for event in events if "ip" in event}
    for address, record in found.items():
        assert isinstance(record, dict)
        assert record["location"]["time_zone"] == zones[address]  # type: ignore[index,call-overload]


@pytest.mark.parametrize("wrong", [{"days": 0}, {"events": 3}, {"customers": -1}])
def test_an_impossible_plan_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ActivityError, match=next(iter(wrong))) as refused:
        replace(PLAN, **wrong)  # type: ignore[arg-type]
    assert refused.value.code == "demo.plan"


def test_few_events_have_few_customers(tmp_path: Path) -> None:
    """The plan may ask for more customers than there are visits."""
    written = history.write(Plan(PLAN.end_ms, days=1, events=200, customers=5_000), tmp_path)
    assert 100 < written.lines < 400


# The command.


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setenv("ACTIVITY_DATA", str(tmp_path / "data"))
    return ["demo", "--days", "1", "--events", "300", "--customers", "20", "--end", "2026-01-31T12:00Z"]


def test_the_command_writes_to_the_data_folder(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(quick) == 0
    data = tmp_path / "data"
    assert f"in {len(objects_in(data))} objects" in capsys.readouterr().err.replace("\n", " ")
    assert json.loads((data / "demo.json").read_text())["complete"]
    assert (data / "geo" / "demo.mmdb").exists()


def test_a_demo_that_is_there_is_left_alone(quick: list[str], tmp_path: Path) -> None:
    main(quick)
    before = {path: path.stat().st_mtime_ns for path in objects_in(tmp_path / "data")}
    assert main([*quick, "--seed", "9"]) == 0
    assert {path: path.stat().st_mtime_ns for path in objects_in(tmp_path / "data")} == before


def test_an_interrupted_demo_is_made_again_as_it_was_planned(quick: list[str], tmp_path: Path) -> None:
    main(quick)
    data = tmp_path / "data"
    whole = lines_in(data)
    objects_in(data)[5].unlink()
    plan = json.loads((data / "demo.json").read_text())
    (data / "demo.json").write_text(json.dumps({**plan, "complete": False}))
    assert main(["demo"]) == 0
    assert lines_in(data) == whole


def test_a_landing_folder_of_someone_else_is_not_mixed_with(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "data" / "landing" / "v1" / "theirs.jsonl.gz"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    assert main(quick) == 2
    assert "--data" in capsys.readouterr().err
    assert list((tmp_path / "data").rglob("*.gz")) == [theirs]


def test_a_plan_that_cannot_be_read_is_said_so(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo.json").write_text('{"end_ms": 1, "colour": "red"}')
    assert main(quick) == 2
    assert "demo.json is not a demo's plan" in capsys.readouterr().err


def test_an_end_that_is_no_time_is_refused(quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--end", "yesterday"])
    assert "'yesterday' is no time; write 2026-01-31T12:00Z" in capsys.readouterr().err
