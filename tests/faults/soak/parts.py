"""The product's processes, started again when they die, as `start` and systemd would."""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support_cli import ROOT
from tests.support_collect import HOST, PATIENCE

RESTART_SECONDS = 2.0  # as `start` and systemd wait before they start a part again


@dataclass
class Part:
    """A process of the product that is started again when it dies, until `stop`. `kills` counts ours."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    kills: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self._stopping = False
        self._process = self._spawn()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping:
                return
            self.deaths += 1
            time.sleep(RESTART_SECONDS)
            self._process = self._spawn()

    def kill(self) -> None:
        self.kills += 1
        self._process.kill()

    @property
    def memory(self) -> int:
        """Resident bytes of it and its children; 0 between two lives."""
        try:
            process = psutil.Process(self._process.pid)
            return sum(int(each.memory_info().rss) for each in (process, *process.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0

    @property
    def spent(self) -> float:
        """Seconds of CPU that this life of it and its children, ended ones too, have taken; 0 between two lives."""
        try:
            process = psutil.Process(self._process.pid)
            return sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0

    def stop(self) -> None:
        self._stopping = True
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def machine() -> dict[str, float]:
    """Seconds of CPU of the whole machine so far: at work, and taken away from it by others on its host."""
    times = psutil.cpu_times()
    return {"the whole machine": times.user + times.system, "others on its host": getattr(times, "steal", 0.0)}
