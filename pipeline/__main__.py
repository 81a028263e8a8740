"""`python -m pipeline`: the command line. Each command lives in `pipeline/commands`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from pipeline import settings
from pipeline.errors import ActivityError, did_you_mean

# Command → the module that has it. Only the one asked for is imported, so that each starts quickly.
COMMANDS = {
    "start": "start",
    "run": "run",
    "collect": "collect",
    "keys": "keys",
    "load": "load",
    "status": "status",
    "verify": "verify",
    "rejected": "rejected",
    "replay": "replay",
    "backup": "backup",
    "rebuild": "rebuild",
    "retain": "retain",
    "erase": "erase",
    "doctor": "doctor",
    "demo": "demo",
    "fields": "fields",
    "count": "questions",
    "events": "questions",
    "event": "questions",
    "facets": "questions",
    "export": "questions",
    "funnel": "funnel",
}

DESCRIPTION = """\
Customers Activity: every tracked event of every customer, from S3 to one screen.

Settings come from the environment (ACTIVITY_…) and from activity.toml; `doctor` checks them.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. A problem is one sentence on standard error and code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments[0] if arguments else "")
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args, settings.load()))
    except ActivityError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `… | head` closed the pipe: not an error, and nothing more can be printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if command and not command.startswith("-") and command not in COMMANDS:
        parser.error(f"there is no command {command!r}. {did_you_mean(command, COMMANDS)}".rstrip())
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    modules = [COMMANDS[command]] if command in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in modules:
        importlib.import_module(f"pipeline.commands.{module}").add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
