"""A page drawn by Streamlit's own test harness, over a real lake."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.installed import opened
from tests.pages.anew import forget_installation
from tests.pages.sample import make_sample

ROOT = Path(__file__).parents[2]
_PATIENCE = 60  # seconds; the first questions of a process take longest


class Page:
    """One run of a page, and what its components were given."""

    def __init__(self, test: AppTest) -> None:
        self.test = test

    def given(self, key: str) -> dict[str, Any]:
        """The data of the component mounted under `key`."""
        for element in self.test.get("bidi_component"):
            if element.proto.id.endswith(f"-{key}"):
                data: dict[str, Any] = json.loads(element.proto.json)
                return data
        raise AssertionError(f"no component {key!r} among {[e.proto.id for e in self.test.get('bidi_component')]}")

    def has(self, key: str) -> bool:
        return any(element.proto.id.endswith(f"-{key}") for element in self.test.get("bidi_component"))

    def everything(self) -> str:
        """All that the page's components were given."""
        return " ".join(element.proto.json for element in self.test.get("bidi_component"))

    def again(self) -> Page:
        """The next run of the same session."""
        self.test.run()
        assert not self.test.exception, self.test.exception
        return self

    def html(self) -> str:
        return " ".join(element.proto.body for element in self.test.get("html"))


Open = Callable[..., Page]


@pytest.fixture(autouse=True)
def _main_stays() -> Iterator[None]:
    """Streamlit's test puts the page in the place of the program: processes that are forked later would run it."""
    program = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = program


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder).close()
    return folder


@pytest.fixture
def open_page(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`open_page("f=…", script="pages/views/customer.py")` runs a page as a fresh session would."""
    yield from _opener(sample, monkeypatch)


def _opener(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("ACTIVITY_DATA", str(folder))
    forget_installation()

    def run(query: str = "", script: str = "app.py") -> Page:
        test = AppTest.from_file(str(ROOT / script), default_timeout=_PATIENCE)
        for name, values in parse_qs(query, keep_blank_values=True).items():
            test.query_params[name] = values
        test.run()
        assert not test.exception, test.exception
        return Page(test)

    yield run
    if opened.cache_info().currsize:
        forget_installation()


@pytest.fixture
def open_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """The same over an installation that has not loaded anything yet."""
    yield from _opener(tmp_path, monkeypatch)
