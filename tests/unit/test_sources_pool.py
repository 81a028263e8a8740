"""Parsing in processes: one that is killed fails its batch, not the pipeline."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ActivityError
from pipeline.sources import Limits, ObjectRef
from pipeline.sources.parse import Job, cut
from pipeline.sources.pool import INLINE_BYTES, ParsePool

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LINE = b'{"type":"page","anonymousId":"v","messageId":"m"}\n'


def jobs() -> list[Job]:
    ref = ObjectRef("made://tests", "made.jsonl", "1", 1, NOW)
    text = LINE * (INLINE_BYTES * 5 // len(LINE))
    return list(cut(BytesIO(text), ref, 0, "segment", received_fallback=NOW, limits=Limits()))


def test_a_killed_process_is_told_and_replaced() -> None:
    pool = ParsePool(2)
    try:
        running = pool.run(jobs())
        whole = next(running).lines
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, signal.SIGKILL)
        with pytest.raises(ActivityError, match="memory ran out") as caught:
            list(running)
        assert caught.value.code == "parse.killed"
        assert next(pool.run(jobs())).lines == whole
    finally:
        pool.close()


@dataclass
class DiesAnswering:
    """A job whose process is killed while it hands over what it found."""

    size: int = INLINE_BYTES

    def run(self) -> bytes:
        threading.Thread(target=self._kill, args=(threading.get_ident(),), daemon=True).start()
        return bytes(200_000_000)

    def _kill(self, of: int) -> None:
        while sys._current_frames()[of].f_code.co_name != "_send":
            pass
        os.kill(os.getpid(), signal.SIGKILL)


def die_answering() -> None:
    jobs: list[Any] = [DiesAnswering(), DiesAnswering()]
    with pytest.raises(ActivityError, match="memory ran out"):
        list(ParsePool(2).run(jobs))


def test_one_killed_amid_its_answer_is_not_waited_for() -> None:
    """Python's own pool waits for the rest of the answer for ever: in a process of its own, which can be let go."""
    code = f"from {__name__} import die_answering; die_answering()"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, timeout=60, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_a_job_raises_is_raised_here_and_the_pool_goes_on() -> None:
    pool = ParsePool(2)
    try:
        bad: Any = Unreadable()
        with pytest.raises(ValueError, match="unreadable"):
            list(pool.run([bad, *jobs()[:2]]))
        assert len(list(pool.run(jobs()[:3]))) == 3
    finally:
        pool.close()


@dataclass
class Unreadable:
    size: int = INLINE_BYTES

    def run(self) -> None:
        raise ValueError("unreadable")
