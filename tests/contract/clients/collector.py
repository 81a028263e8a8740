"""The collector as a user runs it, and then the pipeline, each a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.state import Kind, State
from tests.unit.test_cli import ROOT, environment

_PATIENCE = 60.0  # seconds


@contextmanager
def collecting(data: Path, **settings: str) -> Iterator[str]:
    """A collector that stores under `data`, as "host:port". It must stop cleanly."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "pipeline", "collect", "--port", str(port)]
    log = data / "collector.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(data, **settings), stdout=output, stderr=output)
    try:
        _await(f"http://127.0.0.1:{port}/readyz", process, log)
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == 0, log.read_text()


def make_key(data: Path, source: str, kind: Kind, origins: tuple[str, ...] = ()) -> str:
    return State(data).keys.make(source, kind=kind, origins=origins, at=datetime.now(UTC)).text


def load(data: Path) -> None:
    """One look of the real pipeline at what the collector stored."""
    command = [sys.executable, "-m", "pipeline", "run", "--once"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(data), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the collector did not start:\n{log.read_text()}")
