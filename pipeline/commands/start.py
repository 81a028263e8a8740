"""`start`: the whole product on one machine: demo data if there is none, scheduler, live demo and dashboard."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.demo.plan import Plan
from pipeline.errors import ActivityError
from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = (sys.executable, "-m", "pipeline")
HOST = "127.0.0.1"  # a proxy that speaks TLS stands in front where others may come in (SECURITY.md)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "start",
        help="start scheduler and dashboard, with demo data if there is none (make run)",
        description="Start the whole product on this machine and print the dashboard's address. Ctrl-C stops it.",
    )
    parser.add_argument("--port", type=int, help="the port to serve on (default: ACTIVITY_PORT, 8501)")
    parser.add_argument("--no-demo", action="store_true", help="make no demo data, even if there is no data at all")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Start every part, wait, and stop them all on Ctrl-C, SIGTERM or when the dashboard ends."""
    port = args.port or settings.port
    _check_port(port)
    settings.make_data_folder()
    configured = bool(settings.sources or settings.landing)
    if configured:
        _take_demo_away(settings)
    if not args.no_demo and not configured and not _has_data(settings):
        print("There is no data yet: making 30 days of a news site that never was.", flush=True)
        if subprocess.run([*PIPELINE, "demo"], env=_environment()).returncode:
            return 1
    # The dashboard first, and alone until it answers: on two cores each part that starts beside it takes its time.
    parts = {
        "dashboard": [
            *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")),
            *("--server.address", HOST, "--server.port", str(port), "--server.headless", "true"),
        ],
        "scheduler": [*PIPELINE, "run"],
    }
    with_demo = Plan.read(settings.data) is not None
    if with_demo and not args.no_demo and not configured:
        parts["live demo"] = [*PIPELINE, "demo", "--live", "--quiet", "--to", f"http://{HOST}:{port}"]
    return _supervise(parts, port, _welcome(settings, port, with_demo))


def _welcome(settings: Settings, port: int, with_demo: bool) -> str:
    """What is where, and how the demo stands to the reader's own events."""
    lines = [("Customers Activity:", f"http://localhost:{port}")]
    if with_demo:
        lines.append(("The demo’s site:", f"http://localhost:{port}/demo-site/"))
    lines.append(("Your own site:", f"http://localhost:{port}/install"))
    said = "".join(f"\n  {label:<20} {address}" for label, address in lines)
    if with_demo and (own := _own_events(settings)):
        said += f"\n\n  {own} came in with your own keys, beside those of the demo. To take the demo away, stop"
        said += "\n  this, then: python -m pipeline demo --remove. Your own events and keys stay."
    return f"{said}\n\n  Ctrl-C stops it."


def _own_events(settings: Settings) -> str:
    """`1,204 events` that came in with keys other than the demo's; empty without any."""
    from pipeline.demo import keys
    from pipeline.state import State  # once the dashboard is up: to import it takes a third of a second

    own = [key for key in State(settings.data).keys.all(revoked=True) if key.source not in keys.SOURCES]
    count = sum(key.events for key in own)
    return f"{count:,} {'event' if count == 1 else 'events'}" if count else ""


def _supervise(parts: dict[str, list[str]], port: int, welcome: str) -> int:
    # Also when the terminal is closed: the parts live in sessions of their own, and would go on without anyone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in parts.items():
            running[name] = _spawn(command)
            if name == "dashboard":
                _wait_until_served(running[name], port)
        print(welcome, flush=True)
        while running["dashboard"].poll() is None:
            for name, process in running.items():
                if process.poll() is not None and name != "dashboard":
                    print(f"The {name} stopped (code {process.returncode}): starting it again.", file=sys.stderr)
                    running[name] = _spawn(parts[name])
            time.sleep(2)
        return running["dashboard"].returncode or 0
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    finally:
        _stop(list(running.values()))


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches it only through us, once. Warnings stay visible."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True, env=_environment())


def _environment() -> dict[str, str]:
    """Ours, with the program importable from wherever it was started, and the collector on the dashboard's port."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "ACTIVITY_MOUNT_COLLECTOR": "true"}


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):  # who sends before who receives
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + 15
    for process in processes:
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_served(dashboard: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        if dashboard.poll() is not None:
            raise ActivityError("The dashboard stopped while starting.", hint="Its message is above.")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ActivityError("The dashboard did not answer within a minute.", hint="Its messages are above.")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ActivityError(
                f"Port {port} is in use, perhaps by another Customers Activity.",
                hint="Stop that, or choose another port: ACTIVITY_PORT=8502 make run",
            ) from None


def _has_data(settings: Settings) -> bool:
    """Whether anything has landed or been loaded; an empty lake is none."""
    return any(path.is_file() for path in settings.landing_folder.rglob("*")) or any(settings.lake.rglob("*.parquet"))


def _take_demo_away(settings: Settings) -> None:
    """Remove the demo from where one's own sources are configured. Raises `ActivityError` as `_only_demo` does."""
    if Plan.read(settings.data) is None or not _has_data(settings):
        return
    from pipeline.demo import remove

    if _only_demo(settings) and (removed := remove.remove(settings.data)):
        print("Your own sources are configured: the demo has been removed.", flush=True)
        if removed.kept_lines and settings.landing:  # the pipeline no longer looks there
            where = settings.landing_folder
            print(f"Your own events of before are in {where}: python -m pipeline load {where}", flush=True)


def _only_demo(settings: Settings) -> bool:
    """Whether a lake that holds a demo holds nothing else. Raises `ActivityError` when it does."""
    from pipeline.lake import Lake  # of no other start: to import it takes the better part of a second
    from pipeline.questions import ledger

    lake = Lake.open(settings)
    snapshot = lake.snapshot()
    others = ledger.sources(snapshot) - {f"file://{settings.landing_folder.as_posix()}"}
    lake.close()
    if others:
        raise ActivityError(
            f"The lake holds the demo's events and those of {', '.join(sorted(others))}.",
            hint="Begin a folder of your own with ACTIVITY_DATA=…, or remove both: python -m pipeline demo --remove",
        )
    return True


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
