"""Processes that begin with everything imported: the harness starts hundreds, each of which would take seconds to.

A fork server (multiprocessing's) imports the program once and forks each of them, as a process of its own with its own
environment, session and output. Nothing is shared after that.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from pipeline.__main__ import COMMANDS
from tests.unit.test_cli import ROOT

_FORKED = multiprocessing.get_context("forkserver")
_COMMANDS = [f"pipeline.commands.{name}" for name in {*COMMANDS.values()}]
_FORKED.set_forkserver_preload([*_COMMANDS, "tests.faults.victim", "tests.faults.reader"])


def start(module: str, arguments: list[str], environment: dict[str, str], out: Path, error: Path) -> BaseProcess:
    """`python -m module arguments` with that environment, in a session of its own; what it says is added to files."""
    process = _FORKED.Process(target=_run, args=(module, arguments, environment, str(out), str(error)))
    process.start()
    assert process.pid is not None
    while process.is_alive() and os.getpgid(process.pid) != process.pid:
        time.sleep(0.001)  # so that a kill of its group finds it
    return process


def _run(module: str, arguments: list[str], environment: dict[str, str], out: str, error: str) -> None:
    for file, descriptor in ((out, 1), (error, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), descriptor)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it was chosen by the server's environment
    sys.argv = [module, *arguments]
    os.setsid()
    sys.exit(importlib.import_module(module).main())
