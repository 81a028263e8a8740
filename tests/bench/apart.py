"""Something that answers questions in a process of its own, so that its memory and its caches are its alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol


class Answering(Protocol):
    """What runs apart. `ready` does what is not to be timed, and gives what the question itself is then asked by."""

    def ready(self, *asked: Any) -> Callable[[], object]: ...


class Apart:
    """`make(*args)`, made in a fresh process. Close it, or use it in a `with`."""

    def __init__(self, make: Callable[..., Answering], *args: Any) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, *asked: Any) -> tuple[float, Any]:
        """Seconds, and the answer. Raises `RuntimeError` with what was raised over there."""
        return self._told(asked)

    def peak(self) -> float:
        """The most memory that process ever held, in MB."""
        return self._told(None)[0]

    def close(self) -> None:
        self._process.terminate()
        self._process.join()

    def _told(self, asked: tuple[Any, ...] | None) -> tuple[float, Any]:
        self._ours.send(asked)
        seconds, answer, problem = self._ours.recv()
        if problem:
            raise RuntimeError(problem)
        return seconds, answer

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cold(make: Callable[..., Answering], args: tuple[Any, ...], *asked: Any) -> float:
    """Seconds that a question takes a process that was started for it and has answered nothing yet."""
    with Apart(make, *args) as fresh:
        return fresh.ask(*asked)[0]


def _serve(asked_by: Connection, make: Callable[..., Answering], args: tuple[Any, ...]) -> None:
    answering = make(*args)
    while True:
        try:
            asked = asked_by.recv()
        except EOFError:
            return
        try:
            asked_by.send((_peak(), None, "") if asked is None else (*_timed(answering.ready(*asked)), ""))
        except Exception as error:
            asked_by.send((0.0, None, f"{type(error).__name__}: {error}"))


def _timed(ask: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    answer = ask()
    return time.perf_counter() - started, answer


def _peak() -> float:
    """In MB. `getrusage` would count what the parent held when this process began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
