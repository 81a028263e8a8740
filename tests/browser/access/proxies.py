"""Caddy and nginx as SECURITY.md says to set them up: its very examples, with this machine's names, ports and files.

`python -m tests.browser.access.proxies` makes sure that both programs are here; `make test` calls it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
NAMES = {"caddy": "caddy", "nginx": "nginx-light"}  # program → Debian's package
_PATIENCE = 20.0


def program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def install() -> int:
    """Fetch what is missing, where that is possible; tests say what they skip for want of one."""
    missing = [package for name, package in NAMES.items() if program(name) is None]
    if missing and shutil.which("apt-get"):
        print(f"Installing Debian's {' and '.join(missing)} for the tests of what SECURITY.md says", flush=True)
        rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            subprocess.run([*rights, "apt-get", *command], stdout=subprocess.DEVNULL, check=False)
    return 0


def example(name: str) -> str:
    """The example of `SECURITY.md`: the block after the line that begins with the proxy's name."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    found = re.search(rf"^{name}.*?^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    assert found is not None, f"SECURITY.md has no example for {name}"
    return found[1]


def replaced(text: str, **names: str) -> str:
    """The example with this machine's names; each must be there."""
    for old, new in names.items():
        old = {"host": "activity.example.com", "upstream": "127.0.0.1:8501"}.get(old, old)
        assert old in text, f"the example has no {old}"
        text = text.replace(old, new)
    return text


@contextmanager
def caddy(folder: Path, port: int, upstream: int) -> Iterator[None]:
    config = replaced(example("caddy"), host=f"localhost:{port}", upstream=f"127.0.0.1:{upstream}")
    # A certificate of its own rather than one from the internet, and nothing outside of its folder.
    options = ("{", "admin off", "auto_https disable_redirects", "local_certs", "skip_install_trust")
    assert config.startswith("{\n")
    (folder / "Caddyfile").write_text("\n".join([*options, f"storage file_system {folder}", config[2:]]))
    with _running([str(program("caddy")), "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder, port):
        yield


@contextmanager
def nginx(folder: Path, port: int, upstream: int) -> Iterator[None]:
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = replaced(example("nginx"), host="localhost", upstream=f"127.0.0.1:{upstream}")
    server = server.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/ssl/activity", str(folder))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    text = f"daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;\n"
    text += f"events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{server}\n}}\n"
    (folder / "nginx.conf").write_text(text)
    command = [str(program("nginx")), "-p", str(folder), "-e", f"{folder}/log", "-c", "nginx.conf"]
    with _running(command, folder, port):
        yield


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    log = folder / "output"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, env={**os.environ, "HOME": str(folder)}
        )
    try:
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until and not _answers(port):
            time.sleep(0.1)
        assert _answers(port), log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(install())
