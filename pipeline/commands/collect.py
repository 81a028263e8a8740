"""`python -m pipeline collect`: the collector alone."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

from pipeline.settings import Settings

DESCRIPTION = """\
Take events over HTTP from activity.js and from Segment's, RudderStack's and Jitsu's SDKs, and
put them into the landing store (ACTIVITY_LANDING: a folder or s3://bucket/prefix), from where
the pipeline loads them. A 200 means that the events are stored for good.

Any number of collectors may run side by side. Ctrl-C stores what was taken, then stops. Put it
behind a proxy that does TLS, and name that in ACTIVITY_TRUSTED_PROXIES."""

EXAMPLES = """\
examples:
  python -m pipeline keys make my-site                     a write key, and the snippet for it
  python -m pipeline collect                               on http://127.0.0.1:8502
  python -m pipeline collect --host 0.0.0.0 --port 80      for everyone
  ACTIVITY_LANDING=s3://my-bucket/events python -m pipeline collect

  GET /healthz   it lives          GET /readyz   it can store          GET /metrics   Prometheus
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "collect",
        help="take events over HTTP and put them into the landing store",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, help="the port to listen on (default: ACTIVITY_COLLECT_PORT, 8502)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from pipeline.collect.server import serve

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    port = args.port or settings.collect_port
    settings.make_data_folder()
    print(f"Taking events on http://{args.host}:{port}, storing them in {settings.landing_uri}", flush=True)
    return serve(settings, args.host, port)
