"""Processes that begin with everything imported: the tests start hundreds, each of which would take seconds to.

A fork server (multiprocessing's) imports the program once and forks each of them, as a process of its own with its own
environment, session and output. Nothing is shared after that.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from pipeline.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
_FORKED = multiprocessing.get_context("forkserver")
_COMMANDS = [f"pipeline.commands.{name}" for name in {*COMMANDS.values()}]
_FORKED.set_forkserver_preload([*_COMMANDS, "tests.faults.victim", "tests.faults.reader"])


class Child:
    """A process that was started, with the names that `subprocess.Popen` has for it."""

    def __init__(self, process: BaseProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        """The exit code of one that has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self._process.name), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`, of its children as well."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)


def start(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    out: Path,
    error: Path,
    *,
    folder: Path = ROOT,
    strict: bool = False,
) -> Child:
    """`python -m module arguments` in `folder`, in that environment, in a session of its own; what it says is added to
    files. `strict` makes errors of warnings, as `python -W error` does."""
    process = _FORKED.Process(
        target=_run, args=(module, [*arguments], {**environment}, str(out), str(error), str(folder), strict)
    )
    process.start()
    child = Child(process)
    while child.poll() is None and os.getpgid(child.pid) != child.pid:
        time.sleep(0.001)  # so that a kill of its group finds it
    return child


def _run(
    module: str, arguments: list[str], environment: dict[str, str], out: str, error: str, folder: str, strict: bool
) -> None:
    for file, descriptor in ((out, 1), (error, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it was chosen by the server's environment
    if strict:
        warnings.simplefilter("error")
    sys.argv = [module, *arguments]
    os.setsid()
    sys.exit(importlib.import_module(module).main())
