"""The command line, run as a user runs it: in a process of its own, the README's commands included."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.__main__ import COMMANDS, main
from tests.support_cli import ROOT, environment, pipeline

SAMPLES = ROOT / "data" / "samples"


def typed(data: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """As `pipeline`, with all that a user's own start imports."""
    command = [sys.executable, "-W", "error", "-m", "pipeline", *arguments]
    return subprocess.run(
        command, cwd=data, env=environment(data, **more), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the samples loaded."""
    data = tmp_path_factory.mktemp("cli")
    done = typed(data, "load", str(SAMPLES), ACTIVITY_RETENTION_DAYS="0")
    assert done.returncode == 0, done.stderr
    return data


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = typed(tmp_path, "--help").stdout
    for command in COMMANDS:
        assert command in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"usage: python -m pipeline {command}" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_the_nearest(tmp_path: Path) -> None:
    done = pipeline(tmp_path, "cuont")
    assert done.returncode == 2
    assert "Did you mean 'count'?" in done.stderr


def test_wrong_settings_are_said_not_traced(tmp_path: Path) -> None:
    done = pipeline(tmp_path, "count", "range=14D", ACTIVITY_TIMEZONE="Mars", ACTIVITY_PORT="0")
    assert done.returncode == 2
    assert "ACTIVITY_TIMEZONE" in done.stderr
    assert "ACTIVITY_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_load_says_what_became_of_every_line_and_loads_nothing_twice(loaded: Path) -> None:
    status = json.loads(pipeline(loaded, "status", "--json").stdout)
    totals = status["totals"]
    assert totals["balanced"]
    assert totals["loaded"] > 0
    assert totals["rejected"] > 0, "the samples hold bad lines on purpose"
    again = pipeline(loaded, "load", str(SAMPLES), ACTIVITY_RETENTION_DAYS="0")
    assert again.stdout == "Nothing new: every object here has been read before.\n"
    assert json.loads(pipeline(loaded, "status", "--json").stdout)["totals"] == totals


def test_a_missing_source_is_an_error_with_a_hint(tmp_path: Path) -> None:
    away = {"ACTIVITY_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = pipeline(tmp_path, "load", "nowhere", "s3://bucket-that-is-not/x", **away)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert done.stdout == "", "an error is never 'no new files'"


def test_an_empty_folder_is_not_called_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = pipeline(tmp_path, "load", "empty")
    assert done.returncode == 1
    assert "holds no objects" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["doctor", "status", "run --once", "load .", "demo", "start", "count"])
def test_a_data_folder_that_cannot_be_is_said_not_traced(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    done = pipeline(tmp_path, *command.split(), ACTIVITY_DATA=str(tmp_path / "file" / "data"))
    assert done.returncode in (1, 2)
    assert "ACTIVITY_DATA" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_changes_nothing(tmp_path: Path) -> None:
    pipeline(tmp_path, "doctor", ACTIVITY_DATA=str(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


def test_the_demo_goes_when_the_publishers_own_events_come(tmp_path: Path) -> None:
    small = ("demo", "--days", "1", "--events", "400", "--customers", "50")
    assert pipeline(tmp_path, *small).returncode == 0
    assert pipeline(tmp_path, "run", "--once").returncode == 0
    assert pipeline(tmp_path, "count", "range=7D").stdout != "0\n"
    refused = pipeline(tmp_path, "run", "--once", ACTIVITY_SOURCES=str(SAMPLES))
    assert refused.returncode == 2
    assert "demo --remove" in refused.stderr
    assert pipeline(tmp_path, "demo", "--remove").returncode == 0
    assert pipeline(tmp_path, "run", "--once", ACTIVITY_SOURCES=str(SAMPLES)).returncode == 0
    found = pipeline(tmp_path, "facets", "from=2000-01-01&to=2100-01-01", "source").stdout
    assert "harbour-courier" not in found


def test_run_once_loads_the_landing_folder(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "a.jsonl").write_bytes((SAMPLES / "activity.jsonl").read_bytes())
    done = pipeline(tmp_path, "run", "--once", ACTIVITY_RETENTION_DAYS="0")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["objects"] == 1
    assert pipeline(tmp_path, "status").returncode == 0


def test_the_scheduler_stops_when_asked_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    command = [sys.executable, "-m", "pipeline", "run", "--every", "1s"]
    scheduler = subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while pipeline(tmp_path, "status").returncode != 0:
            assert time.monotonic() < until, "the scheduler never reported"
            time.sleep(0.2)
    finally:
        scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(30) == 0


def test_doctor_finds_faults_and_says_how_to_mend_them(loaded: Path, tmp_path: Path) -> None:
    well = pipeline(loaded, "doctor", ACTIVITY_SOURCES=str(SAMPLES))
    assert well.returncode == 0, well.stdout
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"not a database")
    ill = pipeline(
        loaded, "doctor", ACTIVITY_SOURCES=f"{tmp_path / 'nowhere'},{SAMPLES}", ACTIVITY_GEO_DATABASE=str(broken)
    )
    assert ill.returncode == 1
    assert "nowhere" in ill.stdout
    assert "broken.mmdb is corrupt" in ill.stdout
    assert "2 to mend." in ill.stdout


def test_no_secret_is_ever_printed(tmp_path: Path) -> None:
    secret = {"AWS_ACCESS_KEY_ID": "AKIAUNTOLD", "AWS_SECRET_ACCESS_KEY": "neverprintthis"}
    for command in (["doctor"], ["load", "s3://bucket/x"], ["status"]):
        done = pipeline(
            tmp_path,
            *command,
            **secret,
            ACTIVITY_S3_ENDPOINT_URL="http://127.0.0.1:9",
            ACTIVITY_SOURCES="s3://bucket/x",
        )
        assert "neverprintthis" not in done.stdout + done.stderr
        assert "AKIAUNTOLD" not in done.stdout + done.stderr


def readme_commands() -> list[str]:
    """The commands in the README's shell blocks that answer a question and end by themselves."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    asked = ("count", "facets", "events", "event", "export", "status", "fields", "doctor")
    return [line for line in lines if line.startswith(tuple(f"python -m pipeline {name} " for name in asked))] + [
        f"python -m pipeline {name}" for name in ("fields", "doctor")
    ]


@pytest.mark.parametrize("command", readme_commands())
def test_the_readmes_commands_work(loaded: Path, command: str) -> None:
    arguments = shlex.split(command)[3:]
    if arguments[0] == "event":
        listed = json.loads(pipeline(loaded, "events", "from=2000-01-01&to=2100-01-01", "--json").stdout)
        arguments[1] = (listed["rows"] if isinstance(listed, dict) else listed)[0]["event_id"]
    if "--page" in arguments:
        arguments[1] = "from=2000-01-01&to=2100-01-01"  # the samples have no second page of anything narrower
        arguments[arguments.index("--page") + 1] = "1"
    done = pipeline(loaded, *arguments)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or (loaded / "events.csv").exists()
