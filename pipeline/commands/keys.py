"""`python -m pipeline keys`: make, list and revoke the write keys by which sites send events."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.settings import Settings
from pipeline.state import Kind, State, WriteKey, operator
from pipeline.words import counted

DESCRIPTION = """\
Write keys say who may send events to the collector, and as which source.

A browser key (wk_…) stands in a page for everyone to read: the visitor's own address counts,
and it can be held to certain pages. A server key (sk_…) is a secret, for a program of yours:
the addresses it sends in context.ip count. It is shown once, when it is made."""

EXAMPLES = """\
examples:
  python -m pipeline keys make my-site                                  a browser key
  python -m pipeline keys make my-site --origin https://www.example.com  … for these pages only
  python -m pipeline keys make billing --server --name "Billing, live"   a server key
  python -m pipeline keys list
  python -m pipeline keys revoke key_1f2e3d4c                            refused within seconds, for good
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "keys",
        help="make, list and revoke write keys",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    make = actions.add_parser("make", help="make a key and print it")
    make.add_argument("source", help="what its events are the events of: the site's or the service's name")
    make.add_argument("--server", action="store_true", help="a server key, which is a secret")
    make.add_argument("--name", default="", help="what you call it (default: the source)")
    make.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="take events only from these pages (repeatable)"
    )
    make.set_defaults(run=_make)
    listing = actions.add_parser("list", help="list the keys; server keys without their secret")
    listing.add_argument("--all", action="store_true", help="those revoked, too")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="end a key, for good")
    revoke.add_argument("id", help="the key's id, as in the list")
    revoke.set_defaults(run=_revoke)


def _make(args: argparse.Namespace, settings: Settings) -> int:
    kind: Kind = "server" if args.server else "browser"
    state, now = _state(settings), datetime.now(UTC)
    made = state.keys.make(args.source, kind=kind, name=args.name, origins=args.origin, at=now)
    state.audit.note(operator(), "key made", f"{made.key.id}, a {kind} key of {args.source}", now)
    print(made.text)
    return 0


def _list(args: argparse.Namespace, settings: Settings) -> int:
    keys = _state(settings).keys.all(revoked=args.all)
    if args.json:
        print(json.dumps([_shown(key) for key in keys], indent=2, default=str))
        return 0
    if not keys:
        print("There are no keys yet. Make one: python -m pipeline keys make my-site")
    for key in keys:
        last = "no event yet" if key.last_event_at is None else f"last event {key.last_event_at:%Y-%m-%d %H:%M:%S} UTC"
        state = "" if key.revoked_at is None else f", revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"
        pages = f", only {' '.join(key.origins)}" if key.origins else ""
        print(f"{key.id}  {key.kind:7}  {key.source}  ({key.name})  {key.text or 'sk_…'}")
        print(f"              {counted(key.events, 'event')}, {last}{pages}{state}")
    return 0


def _revoke(args: argparse.Namespace, settings: Settings) -> int:
    state, now = _state(settings), datetime.now(UTC)
    key = state.keys.revoke(args.id, now)
    state.audit.note(operator(), "key revoked", f"{key.id}, a {key.kind} key of {key.source}", now)
    print(f"{key.id} ({key.name}) is revoked: collectors refuse it within seconds.")
    return 0


def _shown(key: WriteKey) -> dict[str, Any]:
    return {name: value for name, value in asdict(key).items() if name != "hash"}


def _state(settings: Settings) -> State:
    settings.make_data_folder()
    return State(settings.data)
