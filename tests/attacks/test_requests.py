"""Access, cookies, redirects, traversal, size and time, at a dashboard that people sign in to."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext

from pages.parts.limits import BODY_BYTES, BODY_SECONDS, HEAD_BYTES, MOST_HEADERS
from tests.attacks.wire import Answer, request, sent
from tests.browser.access.conftest import ANA, OLIVIA, Guarded, guarding, sign_in
from tests.canary import EMAIL, NAME, make_canary_lake, told

FILE = "/export/events.csv?from=2026-11-22&to=2026-11-23"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    data = tmp_path_factory.mktemp("attacked")
    make_canary_lake(data).close()
    with guarding(data, tmp_path_factory.mktemp("secrets")) as found:
        yield found


@pytest.fixture
def profile(browser: Browser, guarded: Guarded) -> Iterator[Callable[[], BrowserContext]]:
    context = browser.new_context(base_url=guarded.server.url)
    context.set_default_timeout(20_000)
    yield lambda: context
    context.close()


@pytest.fixture(scope="module")
def cookie(guarded: Guarded, browser: Browser) -> str:
    """Ana's, as her browser would send it."""
    context = browser.new_context(base_url=guarded.server.url)
    context.set_default_timeout(20_000)
    sign_in(context.new_page(), ANA)
    found = _user_cookie(context, guarded)
    context.close()
    return found


def _user_cookie(context: BrowserContext, guarded: Guarded) -> str:
    jar = {each["name"]: each["value"] for each in context.cookies(guarded.server.url)}
    return f"_streamlit_user={jar['_streamlit_user']}"


def ask(guarded: Guarded, path: str, *headers: str, method: str = "GET", host: str | None = None) -> Answer:
    own = urlsplit(guarded.server.url).netloc
    return sent(guarded.server.url, request(path, *headers, method=method, host=own if host is None else host))


def test_the_cookie_is_good_by_itself(guarded: Guarded, cookie: str) -> None:
    """Else the tables below would show nothing: it leads in, and only a link's signature is missing."""
    answer = ask(guarded, FILE, f"Cookie: {cookie}")
    assert answer.status == 403
    assert b"not yours, or is too old" in answer.body
    assert answer.header("cache-control") == "no-store"
    assert ask(guarded, "/export/prepared/none", f"Cookie: {cookie}").status == 410


def _signature(text: str) -> str:
    """Its first letter changed: of the last one not every bit counts."""
    head, dot, signature = text.rpartition(".")
    return f"{head}{dot}{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _payload(text: str) -> str:
    """An owner's claims under the time and the signature of the real ones."""
    claims = {"is_logged_in": True, "email": OLIVIA, "email_verified": True}
    forged = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    name, value = text.split("=", 1)
    return f"{name}={forged}.{'.'.join(value.rsplit('.', 2)[1:])}"


def _later(text: str) -> str:
    """A time that makes it younger."""
    head, _, signature = text.rpartition(".")
    return f"{head.rpartition('.')[0]}.zzzzzz.{signature}"


TAMPERED: dict[str, Callable[[str], str]] = {
    "another signature": _signature,
    "an owner's claims": _payload,
    "a later time": _later,
    "cut in half": lambda text: text[: len(text) // 2],
    "under another name": lambda text: text.replace("_streamlit_user=", "_streamlit_user_tokens="),
    "no signature": lambda _: '_streamlit_user={"is_logged_in":true,"email":"olivia@example.com"}',
    "chunks that are none": lambda _: "_streamlit_user=chunks-99999999",
    "chunks without end": lambda _: "_streamlit_user=chunks--1; _streamlit_user_0=a",
    "no letters of ASCII": lambda _: "_streamlit_user=\xff\xfe",
    "nothing": lambda _: "_streamlit_user=",
    "a null": lambda _: "_streamlit_user=2|1:0|a\\000b",
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_cookie_that_was_tampered_with_is_nobodys(guarded: Guarded, cookie: str, name: str) -> None:
    changed = TAMPERED[name](cookie)
    assert changed != cookie
    answer = ask(guarded, "/export/prepared/none", f"Cookie: {changed}")
    assert answer.status == 401
    assert told(answer.body) == set()


def test_a_copy_of_a_cookie_is_nobodys_after_signing_out(
    guarded: Guarded, profile: Callable[[], BrowserContext]
) -> None:
    context = profile()
    page = context.new_page()
    sign_in(page, ANA)
    copied = _user_cookie(context, guarded)
    assert ask(guarded, "/export/prepared/none", f"Cookie: {copied}").status == 410
    page.get_by_role("button", name="account_circle").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").wait_for()  # of the provider, where signing out leads
    assert ask(guarded, "/export/prepared/none", f"Cookie: {copied}").status == 401


# What a path must never lead to, though it is asked for in every way.
TRAVERSAL = [
    "/assets/../pyproject.toml",
    "/assets/..%2fpyproject.toml",
    "/assets/%2e%2e/pyproject.toml",
    "/assets/..%5c..%5cpyproject.toml",
    "/assets/....//pyproject.toml",
    "/assets//etc/passwd",
    "/assets/%2fetc%2fpasswd",
    "/static/../../../../../../etc/passwd",
    "/static/%252e%252e/%252e%252e/etc/passwd",
    "/app/static/../secrets.toml",
    "/_stcore/bidi-components/../../../etc/passwd",
    "/_stcore/bidi-components/x/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/media/../../etc/passwd",
    "/export/prepared/..%2f..%2fetc%2fpasswd/file",
    "/export/events.csv/../../.streamlit/secrets.toml",
    "/.streamlit/secrets.toml",
    "/data/state.sqlite",
    "/assets/\x00",
    "/assets/app.css%00.png",
]


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("path", TRAVERSAL)
def test_no_path_leads_out_of_its_folder(guarded: Guarded, cookie: str, path: str, signed_in: bool) -> None:
    answer = ask(guarded, path, *([f"Cookie: {cookie}"] if signed_in else []))
    assert answer.status in {0, 400, 401, 403, 404, 405, 410} or b"<title>Streamlit" in answer.body, answer
    for secret in (b"root:", b"[project]", b"cookie_secret", b"SQLite format"):
        assert secret not in answer.body


# name → head and body, and the statuses that are right; 0: the connection is ended.
HOSTS = "Host: localhost\r\n"
SIZES: dict[str, tuple[Callable[[str], list[bytes]], set[int]]] = {
    "a header too long": (lambda host: [request("/", f"X: {'x' * HEAD_BYTES}", host=host)], {431}),
    "too many headers": (
        lambda host: [request("/", *(f"X-{number}: 1" for number in range(MOST_HEADERS + 1)), host=host)],
        {431},
    ),
    "an address too long": (lambda host: [request(f"/?q={'x' * HEAD_BYTES}", host=host)], {414}),
    "a body too long, as it says": (
        lambda host: [request("/export/prepare/xlsx", f"Content-Length: {BODY_BYTES + 1}", method="POST", host=host)],
        {413},
    ),
    "a body of no length": (
        lambda host: [request("/export/prepare/xlsx", "Content-Length: -1", method="POST", host=host)],
        {0, 400},
    ),
    "two lengths": (
        lambda host: [
            request("/", "Content-Length: 5", "Content-Length: 6", method="POST", host=host),
            b"hello!",
        ],
        {0, 400},
    ),
    "a length and chunks": (
        lambda host: [
            request("/", "Content-Length: 4", "Transfer-Encoding: chunked", method="POST", host=host),
            b"0\r\n\r\nGET /export/events.csv HTTP/1.1\r\n\r\n",
        ],
        {0, 400},
    ),
    "no Host": (lambda _host: [b"GET / HTTP/1.1\r\n\r\n"], {0, 400, 421}),
    "two Hosts": (lambda host: [request("/", "Host: evil.example", host=host)], {0, 400, 421}),
    "another Host": (lambda _host: [request("/", host="evil.example")], {421}),
    "a Host with a user": (lambda host: [request("/", host=f"evil.example@{host}")], {421}),
    "another's whole address": (lambda _host: [request("http://evil.example/", host="evil.example")], {0, 400, 421}),
    "a method of its own": (
        lambda host: [request("/export/events.csv", method="DEBUG", host=host)],
        {0, 400, 401, 405},
    ),
    "TRACE": (lambda host: [request("/", "Cookie: secret=1", method="TRACE", host=host)], {0, 400, 401, 405}),
    "no HTTP": (lambda _host: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], {0, 400}),
    "a line break in a header": (lambda host: [request("/", "X: a\r\n\tb\nSet-Cookie: c", host=host)], {0, 200, 400}),
}


@pytest.mark.parametrize("name", SIZES)
def test_what_is_too_large_or_malformed_is_refused(guarded: Guarded, name: str) -> None:
    make, expected = SIZES[name]
    answer = sent(guarded.server.url, *make(urlsplit(guarded.server.url).netloc))
    assert answer.status in expected, answer
    assert b"Traceback" not in answer.body
    assert "evil" not in answer.head
    assert answer.header("set-cookie") == "" or answer.header("set-cookie") != "c"


def test_a_body_that_comes_slowly_is_not_waited_for(guarded: Guarded, cookie: str) -> None:
    """Of whoever is known: a stranger is not read at all."""
    host = urlsplit(guarded.server.url).netloc
    head = request("/oauth2callback", "Content-Length: 100", f"Cookie: {cookie}", method="POST", host=host)
    answer = sent(guarded.server.url, head, b"a")
    assert answer.status in {405, 408}
    assert BODY_SECONDS < 30


# Nobody is led to another site, whatever the address or a header says.
REDIRECTS = [
    "/auth/login?next=https://evil.example/",
    "/auth/login?redirect_uri=https://evil.example/",
    "/auth/login?provider=https://evil.example/",
    "/auth/logout?next=https://evil.example/",
    "/oauth2callback?state=x&code=y&next=//evil.example",
    "/oauth2callback?error=access_denied&error_description=//evil.example",
    "//evil.example/%2f..",
    "/\\evil.example",
    "/funnels/?next=//evil.example",
    "/demo-site",
]


@pytest.mark.parametrize("path", REDIRECTS)
@pytest.mark.parametrize(
    "header",
    ["X: y", "X-Forwarded-Host: evil.example", "Referer: https://evil.example/", "Origin: https://evil.example"],
)
def test_nobody_is_redirected_elsewhere(guarded: Guarded, path: str, header: str) -> None:
    answer = ask(guarded, path, header)
    where = urlsplit(answer.header("location"))
    assert "evil" not in (where.netloc or where.path), answer.head
    assert where.scheme in {"", "http"}


def test_other_sites_cannot_open_a_page_s_socket(guarded: Guarded, cookie: str) -> None:
    upgrade = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    host = urlsplit(guarded.server.url).netloc
    head = f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
    for origin, expected in ((guarded.server.url, {101}), ("https://evil.example", {0, 400, 403})):
        lines = [*upgrade, f"Origin: {origin}", f"Cookie: {cookie}"]
        answer = sent(guarded.server.url, (head + "\r\n".join(lines) + "\r\n\r\n").encode())
        assert answer.status in expected, origin


@pytest.mark.parametrize("path", ["/export/prepare/xlsx?range=14D", "/export/prepare/parquet?range=14D"])
def test_another_site_s_page_makes_no_files(guarded: Guarded, cookie: str, path: str) -> None:
    answer = ask(guarded, path, f"Cookie: {cookie}", "Origin: https://evil.example", "Content-Length: 0", method="POST")
    assert answer.status == 403


def test_the_log_has_no_one_s_data_after_all_this(guarded: Guarded, cookie: str) -> None:
    """Canaries in addresses, headers and cookies; in what the log has, none of them, and no key or cookie either."""
    for path in (
        f"/export/events.csv?f=email%20is%20{EMAIL}",
        f"/export/events.csv?{EMAIL}={NAME.split()[0]}",
        f"/{EMAIL}",
        f"/export/{NAME.split()[1]}.csv",
        f"/customers?customer={EMAIL}",
        f"/export/rejected.csv?reason={EMAIL}",
        f"/oauth2callback?code={EMAIL}&state={EMAIL}",
    ):
        for headers in ([], [f"Cookie: {cookie}"], [f"Cookie: _streamlit_user={EMAIL}", f"User-Agent: {NAME}"]):
            ask(guarded, path, *headers)
    log = (guarded.server.data / "server.log").read_text()
    assert told(log.encode()) == set(), log
    assert ANA not in log
    for secret in ("a-secret-of-tests", "the-cookie-secret-of-a-test", *re.findall(r"=\"?([^;\"]{40,})", cookie)):
        assert secret not in log
    assert "Traceback" not in log, log


def test_the_secrets_file_stays_out_of_answers(guarded: Guarded) -> None:
    assert Path(guarded.secrets).exists()
    for path in ("/_stcore/host-config", "/_stcore/health", "/", "/_stcore/script-health-check"):
        body = ask(guarded, path).body
        assert b"a-secret-of-tests" not in body
        assert b"cookie-secret" not in body
