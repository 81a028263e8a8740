"""A dashboard with sign-in, and a real OpenID Connect provider on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import PATIENCE_MS, Server, empty, free_port, serving, settle, watch_policy
from tests.contract.clients.install import NODE_MODULES, node_program

PROVIDER = Path(__file__).with_name("provider.mjs")
ANA, OLIVIA, VERA = "ana@example.com", "olivia@example.com", "vera@viewers.example"
_LISTS = {"owners": [OLIVIA], "analysts": [ANA], "viewers": ["@viewers.example"]}


@dataclass(frozen=True)
class Guarded:
    """The dashboard, and the file that says who may come in."""

    server: Server
    secrets: Path

    def allow(self, **lists: list[str]) -> None:
        """Let in those, from now on."""
        auth = self.secrets.read_text().partition("[access]")[0]
        rows = "".join(f"{name} = {entries!r}\n".replace("'", '"') for name, entries in lists.items())
        whole = self.secrets.with_suffix(".new")
        whole.write_text(f"{auth}[access]\n{rows}")
        whole.replace(self.secrets)  # half a file would be read as one that is wrong

    def allow_all(self) -> None:
        self.allow(**_LISTS)


@pytest.fixture(scope="package")
def guarded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarding(data, tmp_path_factory.mktemp("secrets")) as found:
        yield found


@contextmanager
def guarding(data: Path, folder: Path, port: int = 0, public: str = "") -> Iterator[Guarded]:
    """A dashboard over `data` that people sign in to, with a provider of its own; its secrets are in `folder`.

    `public` is where browsers reach it, when that is not the port it listens on.
    """
    port, provider = port or free_port(), free_port()
    url = public or f"http://localhost:{port}"
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "{url}/oauth2callback"\ncookie_secret = "the-cookie-secret-of-a-test"\n'
        'client_id = "activity"\nclient_secret = "a-secret-of-tests"\n'
        f'server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"\n'
        'client_kwargs = {scope = "openid email profile", prompt = "login"}\n[access]\n'
    )
    found = Guarded(Server(url, data), secrets)
    found.allow_all()
    with _provider(provider, f"{url}/oauth2callback"), serving(data, port, STREAMLIT_SECRETS_FILES=str(secrets)):
        yield found


@contextmanager
def _provider(port: int, redirect: str) -> Iterator[None]:
    command = [node_program(), str(PROVIDER), str(NODE_MODULES), str(port), redirect]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(autouse=True)
def _everybody_allowed(guarded: Guarded) -> Iterator[None]:
    yield
    guarded.allow_all()


@pytest.fixture(scope="module")
def used_profiles() -> Iterator[list[BrowserContext]]:
    """Those of a file's tests, in turn, each left empty."""
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


@pytest.fixture
def profile(
    browser: Browser, guarded: Guarded, used_profiles: list[BrowserContext]
) -> Iterator[Callable[[], BrowserContext]]:
    """Browsers of different people, each with cookies of its own."""
    free, given = list(used_profiles), list[BrowserContext]()

    def made() -> BrowserContext:
        if not free:
            free.append(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=guarded.server.url))
            free[-1].set_default_timeout(PATIENCE_MS)
            used_profiles.append(free[-1])
        given.append(free.pop())
        return given[-1]

    yield made
    for context in given:
        empty(context, guarded.server.url)


@pytest.fixture
def signed_in(profile: Callable[[], BrowserContext]) -> Iterator[Callable[[str], Page]]:
    """A page of a browser in which that person has signed in; the pages must keep their own policy."""
    errors: list[str] = []

    def as_(email: str, path: str = "/") -> Page:
        page = profile().new_page()
        watch_policy(page, errors)
        sign_in(page, email, path)
        return page

    yield as_
    assert not errors, "the pages broke their own policy"


def sign_in(page: Page, email: str, path: str = "/") -> None:
    """Through the provider's own forms, as a person does."""
    page.goto(path)
    base = page.url.partition("/")[0] + "//" + page.url.split("/")[2]
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: url.startswith(base) and "oauth2callback" not in url)
    settle(page)
