from __future__ import annotations

import json
from typing import Any

import pytest
from crawlerdetect import CrawlerDetect
from crawlerdetect.providers.crawlers import data as patterns

from pipeline.demo.devices import CRAWLERS
from pipeline.enrich.crawlers import Crawlers
from pipeline.enrich.device import DeviceOf
from tests.unit.enriching import batch, column

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"


@pytest.fixture(scope="module")
def device() -> DeviceOf:
    return DeviceOf()


def told(device: DeviceOf, agent: str | None, hints: Any = None) -> list[Any]:
    data = hints if hints is None or isinstance(hints, str) else json.dumps(hints)
    return column(device(batch({"user_agent": agent, "client_hints": data})), "device", "browser", "os")


def brands(*names: str) -> list[dict[str, str]]:
    return [{"brand": name, "version": "141"} for name in names]


@pytest.mark.parametrize(
    ("agent", "answer"),
    [
        (CHROME, ["Desktop", "Chrome", "Windows"]),
        (f"{CHROME} Edg/141.0.0.0", ["Desktop", "Edge", "Windows"]),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Safari/605.1.15", ["Desktop", "Safari", "macOS"]),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", ["Desktop", "Firefox", "Linux"]),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/141.0.0.0 Safari/537.36",
            ["Desktop", "Chrome", "Chrome OS"],
        ),
        (ANDROID, ["Mobile", "Chrome", "Android"]),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE} Mobile/15E148 Safari/604.1",
            ["Mobile", "Safari", "iOS"],
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {APPLE} Mobile/15E148 Safari/604.1",
            ["Tablet", "Safari", "iOS"],
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-X810) {WEBKIT} Chrome/141.0.0.0 Safari/537.36",
            ["Tablet", "Chrome", "Android"],
        ),
        (
            f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 7.0) {WEBKIT} SamsungBrowser/3.0 Chrome/94.0 TV Safari/537.36",
            ["Other", "Samsung Internet", "Tizen"],
        ),
        ("Roku/DVP-9.10 (519.10E04111A)", ["Other", "Roku", "Roku"]),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ["Bot", "Googlebot", None]),
        ("curl/8.5.0", ["Bot", "curl", None]),
        ("something of its own", ["Other", None, None]),
        (None, [None, None, None]),
        ("", [None, None, None]),
        ("   ", [None, None, None]),
    ],
)
def test_the_user_agent_tells_the_device(device: DeviceOf, agent: str | None, answer: list[str | None]) -> None:
    assert told(device, agent) == answer


@pytest.mark.parametrize(
    ("hints", "answer"),
    [
        (
            {"brands": brands("Not=A?Brand", "Chromium", "Google Chrome"), "mobile": True, "platform": "Android"},
            ["Mobile", "Chrome", "Android"],
        ),
        (
            {"brands": brands(" Not;A Brand", "Chromium", "Brave"), "mobile": False, "platform": "macOS"},
            ["Desktop", "Brave", "macOS"],
        ),
        (
            {"brands": brands("Microsoft Edge", "Not(A:Brand", "Chromium"), "mobile": False, "platform": "Chromium OS"},
            ["Desktop", "Edge", "Chrome OS"],
        ),
        (
            {"brands": brands("Not_A Brand", "Chromium"), "mobile": False, "platform": "Linux"},
            ["Desktop", "Chromium", "Linux"],
        ),
        ({"mobile": True, "platform": "Android", "formFactors": ["Tablet"]}, ["Tablet", "Chrome", "Android"]),
    ],
)
def test_client_hints_are_preferred(device: DeviceOf, hints: Any, answer: list[str]) -> None:
    assert told(device, CHROME, hints) == answer


def test_hints_alone_are_enough(device: DeviceOf) -> None:
    hints = {"brands": brands("Chromium", "Opera"), "mobile": False, "platform": "Windows"}
    assert told(device, None, hints) == ["Desktop", "Opera", "Windows"]


def test_hints_that_leave_something_open_are_filled_in_from_the_agent(device: DeviceOf) -> None:
    """An Android tablet is not mobile, and not a desktop either: the agent tells."""
    tablet = f"Mozilla/5.0 (Linux; Android 14; SM-X810) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"
    assert told(device, tablet, {"mobile": False, "platform": "Android"}) == ["Tablet", "Chrome", "Android"]
    assert told(device, CHROME, {"brands": brands("Not A;Brand"), "platform": ""}) == ["Desktop", "Chrome", "Windows"]


@pytest.mark.parametrize(
    "hints", ["{", "[]", "null", "7", {"brands": "x", "mobile": "yes", "platform": 7}, {"brands": [7, {"brand": None}]}]
)
def test_hints_that_are_none_are_ignored(device: DeviceOf, hints: Any) -> None:
    assert told(device, ANDROID, hints) == ["Mobile", "Chrome", "Android"]
    assert told(device, None, hints) == [None, None, None]


def test_crawlers_are_known_whatever_their_hints_say(device: DeviceOf) -> None:
    hints = {"brands": brands("Chromium", "Google Chrome"), "mobile": False, "platform": "Linux"}
    for crawler in CRAWLERS:
        assert told(device, crawler.user_agent, hints)[0] == "Bot", crawler.user_agent
    headless = {"brands": brands("HeadlessChrome"), "mobile": False, "platform": "Linux"}
    assert told(device, CHROME, headless)[0] == "Bot"


def test_endless_agents_and_hints_are_cut(device: DeviceOf) -> None:
    assert told(device, CHROME + " x" * 1_000_000, "[" * 1_000_000) == ["Desktop", "Chrome", "Windows"]


def test_every_row_gets_its_own_answer(device: DeviceOf) -> None:
    mobile = '{"mobile":true}'
    table = device(
        batch(
            {"user_agent": CHROME},
            {"user_agent": CHROME, "client_hints": mobile},
            {},
            {"client_hints": mobile},
            {"user_agent": ANDROID},
            {"user_agent": CHROME},
        )
    )
    assert column(table, "device") == ["Desktop", "Mobile", None, "Mobile", "Mobile", "Desktop"]


def test_crawlers_are_those_crawlerdetect_knows() -> None:
    """The patterns themselves, read as text, make agents of every crawler; browsers and odd texts come on top."""
    literal = [pattern.replace("\\", "") for pattern in patterns]
    odd = ["", " ", "Yandex", "YandexSearch", "yandexBOT", "CUBOT", "; M bot", "Java 7 OUTBRAIN", "İbot", "bot\nnot"]
    browsers = [
        CHROME,
        ANDROID,
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A)",
        "okhttp/4.12.0",
        "Opera Mini",
    ]
    agents = [*literal, *odd, *browsers, *(f"Mozilla/5.0 (compatible; {text}/1.0; X11)" for text in literal[::7])]
    reference = CrawlerDetect()
    assert Crawlers().among(agents) == [reference.is_crawler(agent) for agent in agents]
    assert Crawlers().among([]) == []
