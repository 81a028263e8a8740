"""What nobody thought of: the reader gets an id, the log has the place under it, and neither says what it held."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from pages.parts import unexpected
from pages.parts.limits import Limits
from pages.parts.unexpected import said
from pipeline.errors import LakeError
from pipeline.mounted import NOTHING
from tests.pages.asking import answer
from tests.pages.conftest import ROOT

CANARY = "zoraida@canary-bird.example"
ID = re.compile(r"error ([0-9a-f]{8})")


def _fails() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise ValueError(f"could not convert {CANARY}") from error


def _told(text: str, log: pytest.LogCaptureFixture) -> None:
    """Both have the id, and neither has the canary."""
    found = ID.search(text)
    assert found is not None, text
    assert f"error {found[1]}" in log.text
    assert "_fails" in log.text, "where it happened"
    assert "builtins.ValueError" in log.text
    assert "builtins.KeyError" in log.text
    assert CANARY not in text
    assert CANARY not in log.text


def test_a_route_that_fails_says_an_id(caplog: pytest.LogCaptureFixture) -> None:
    async def route(_request: Request) -> Response:
        _fails()
        raise AssertionError

    got = answer([Route("/", route)], "/", Limits, beside=NOTHING)
    assert got.status == 500
    _told(got.text, caplog)


def test_a_file_that_fails_half_way_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """So that nobody takes it for a whole one."""

    async def chunks():  # type: ignore[no-untyped-def]
        yield b"half"
        _fails()

    async def route(_request: Request) -> Response:
        return StreamingResponse(chunks())

    with pytest.raises(RuntimeError, match="nobody thought of") as caught:
        answer([Route("/", route)], "/", Limits, beside=NOTHING)
    assert caught.value.__suppress_context__
    _told(str(caught.value), caplog)


def _page() -> None:
    from pages.parts.notice import explained
    from tests.pages.test_unexpected import _fails

    with explained("problem"):
        _fails()


def test_a_page_that_fails_says_an_id(caplog: pytest.LogCaptureFixture) -> None:
    page = AppTest.from_function(_page, default_timeout=30).run()
    assert not page.exception
    _told(repr([element.proto for element in page.main]), caplog)


def test_duckdb_s_own_words_stay_in_the_house(caplog: pytest.LogCaptureFixture) -> None:
    error = LakeError(f"The lake could not answer: Conversion Error: {CANARY}", code=unexpected.UNEXPLAINED)
    text = said(error)
    assert ID.search(text)
    assert CANARY not in text + caplog.text
    assert said(LakeError("The disk that holds the lake is full.")) == "The disk that holds the lake is full."


def test_what_streamlit_would_log_has_no_words_either(caplog: pytest.LogCaptureFixture) -> None:
    unexpected.quieten()
    log = logging.getLogger("streamlit.error_util")
    log.addHandler(caplog.handler)
    try:
        _fails()
    except ValueError as error:
        log.error("Uncaught app execution", exc_info=error)
    finally:
        log.removeHandler(caplog.handler)
    assert "_fails" in caplog.text
    assert CANARY not in caplog.text


def test_the_dashboard_sees_to_that_when_it_starts(tmp_path: Path) -> None:
    """In a process of its own, for whatever it does to the loggers stays."""
    asked = "import logging, app; print(*(len(logging.getLogger(name).filters) for name in %r))"
    names = ("streamlit.error_util", "streamlit.runtime.scriptrunner.exec_code", "uvicorn.error")
    done = subprocess.run(
        [sys.executable, "-c", asked % (names,)],
        cwd=ROOT,
        env={**os.environ, "ACTIVITY_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["1", "1", "1"]
