"""What the demo's visitors read with: User-Agents as real browsers send them, with client hints where they do."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

_CHROME = ("138", "139", "140", "141")
_SAFARI = ("17.6", "18.4", "18.5", "18.6")
_FIREFOX = ("128.0", "141.0", "142.0", "143.0")
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MAC = "Macintosh; Intel Mac OS X 10_15_7"
_WINDOWS = "Windows NT 10.0; Win64; x64"
_DESKTOPS = ((_WINDOWS, "Windows"), (_WINDOWS, "Windows"), (_MAC, "macOS"), ("X11; Linux x86_64", "Linux"))
_PHONES = ("Pixel 8", "Pixel 9 Pro", "SM-S918B", "SM-S928U", "SM-A546B", "2201117TG", "CPH2581")
_TABLETS = ("SM-X810", "SM-X210", "Pixel Tablet", "Lenovo TB-J616F")


@dataclass(frozen=True, slots=True)
class Device:
    """A User-Agent header, the client hints that come with it (None: the browser has none) and a screen."""

    user_agent: str
    hints: dict[str, Any] | None = None
    screen: tuple[int, int] = (1440, 900)


def _hints(brand: str, version: str, platform: str, mobile: bool) -> dict[str, Any]:
    """`navigator.userAgentData` as Chromium gives it, its meaningless "greased" brand included."""
    brands = [("Not=A?Brand", "24"), ("Chromium", version), (brand, version)]
    return {
        "brands": [{"brand": name, "version": number} for name, number in brands],
        "mobile": mobile,
        "platform": platform,
    }


def _chrome_desktop(rng: Random) -> Device:
    version = rng.choice(_CHROME)
    system, platform = rng.choice(_DESKTOPS)
    agent = f"Mozilla/5.0 ({system}) {_WEBKIT} Chrome/{version}.0.0.0 Safari/537.36"
    return Device(agent, _hints("Google Chrome", version, platform, False), (1920, 1080))


def _edge(rng: Random) -> Device:
    version = rng.choice(_CHROME)
    agent = f"Mozilla/5.0 ({_WINDOWS}) {_WEBKIT} Chrome/{version}.0.0.0 Safari/537.36 Edg/{version}.0.0.0"
    return Device(agent, _hints("Microsoft Edge", version, "Windows", False), (1920, 1080))


def _safari_desktop(rng: Random) -> Device:
    return Device(f"Mozilla/5.0 ({_MAC}) {_APPLE} Version/{rng.choice(_SAFARI)} Safari/605.1.15", None, (1512, 982))


def _firefox(rng: Random) -> Device:
    version = rng.choice(_FIREFOX)
    system = rng.choice((_WINDOWS, "Macintosh; Intel Mac OS X 10.15", "X11; Ubuntu; Linux x86_64"))
    return Device(f"Mozilla/5.0 ({system}; rv:{version}) Gecko/20100101 Firefox/{version}", None, (1536, 864))


def _iphone(rng: Random) -> Device:
    version = rng.choice(_SAFARI)
    system = f"iPhone; CPU iPhone OS {version.replace('.', '_')} like Mac OS X"
    return Device(f"Mozilla/5.0 ({system}) {_APPLE} Version/{version} Mobile/15E148 Safari/604.1", None, (390, 844))


def _android(rng: Random) -> Device:
    version = rng.choice(_CHROME)
    # Chrome has sent "Android 10; K" for every phone since it reduced the User-Agent; Samsung's browser still names it.
    agent = f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/{version}.0.0.0 Mobile Safari/537.36"
    if rng.random() < 0.75:
        return Device(agent, _hints("Google Chrome", version, "Android", True), (412, 915))
    agent = (
        f"Mozilla/5.0 (Linux; Android 14; {rng.choice(_PHONES)}) {_WEBKIT} "
        "SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36"
    )
    return Device(agent, None, (412, 915))


def _ipad(rng: Random) -> Device:
    version = rng.choice(_SAFARI)
    system = f"iPad; CPU OS {version.replace('.', '_')} like Mac OS X"
    return Device(f"Mozilla/5.0 ({system}) {_APPLE} Version/{version} Mobile/15E148 Safari/604.1", None, (820, 1180))


def _android_tablet(rng: Random) -> Device:
    system = f"Linux; Android 14; {rng.choice(_TABLETS)}"
    agent = f"Mozilla/5.0 ({system}) {_WEBKIT} Chrome/{rng.choice(_CHROME)}.0.0.0 Safari/537.36"
    return Device(agent, None, (800, 1280))


def _television(rng: Random) -> Device:
    version = rng.choice(("6.0", "7.0"))
    system = f"SMART-TV; LINUX; Tizen {version}"
    agent = f"Mozilla/5.0 ({system}) {_WEBKIT} SamsungBrowser/3.0 Chrome/94.0.4606.31 TV Safari/537.36"
    return Device(agent, None, (1920, 1080))


_MAKERS = (_android, _iphone, _chrome_desktop, _safari_desktop, _edge, _firefox, _ipad, _android_tablet, _television)
_WEIGHTS = (26, 30, 20, 8, 6, 5, 3.5, 1, 0.5)

CRAWLERS = (
    Device("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    Device(
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {_WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36 "
        "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        screen=(412, 732),
    ),
    Device("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    Device("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)"),
    Device("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    Device(
        f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} HeadlessChrome/141.0.0.0 Safari/537.36",
        _hints("HeadlessChrome", "141", "Linux", False),
        (800, 600),
    ),
)


def device(rng: Random) -> Device:
    """A device, in about the proportions of a news site's readers: most on a phone."""
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng)
