"""`keys`, from making one to ending it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipeline.state import State
from tests.support_cli import pipeline


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    made = pipeline(tmp_path, "keys", "make", "my-site", "--origin", "https://www.example.com", "--name", "Front page")
    assert re.fullmatch(r"wk_\w{22}\n", made.stdout)
    secret = pipeline(tmp_path, "keys", "make", "billing", "--server").stdout
    assert re.fullmatch(r"sk_\w{40}\n", secret)

    listed = pipeline(tmp_path, "keys", "list").stdout
    assert made.stdout.strip() in listed
    assert "only https://www.example.com" in listed
    assert secret.strip() not in listed
    first = json.loads(pipeline(tmp_path, "keys", "list", "--json").stdout)[-1]
    assert (first["source"], first["name"], first["kind"], first["events"]) == ("my-site", "Front page", "browser", 0)
    assert "hash" not in first

    revoked = pipeline(tmp_path, "keys", "revoke", first["id"])
    assert revoked.returncode == 0
    assert first["id"] not in pipeline(tmp_path, "keys", "list").stdout
    assert "revoked" in pipeline(tmp_path, "keys", "list", "--all").stdout

    log = State(tmp_path).audit.last(9)
    assert [deed.act for deed in log] == ["key revoked", "key made", "key made"]
    assert all(deed.who.endswith(", on the command line") for deed in log)
    assert first["id"] in log[0].about
    assert not any(text.strip() in deed.about for text in (made.stdout, secret) for deed in log)


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path) -> None:
    assert "See `keys list`" in pipeline(tmp_path, "keys", "revoke", "nothing-like-it").stderr
    wrong = pipeline(tmp_path, "keys", "make", "site", "--origin", "www.example.com")
    assert wrong.returncode == 2
    assert "Write https://www.example.com." in wrong.stderr
    assert "There are no keys yet" in pipeline(tmp_path, "keys", "list").stdout
