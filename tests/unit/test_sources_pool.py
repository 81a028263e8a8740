"""Parsing in processes: one that is killed fails its batch, not the pipeline."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from io import BytesIO

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
