"""The soak: `python -m tests.faults.soak` sends 200 events a second for an hour through the whole product, over a real
S3 server, kills its parts at random, and compares what was accepted with what is in the lake.

A collector and a scheduler (killed and started again as systemd would), two readers, and the dashboard, whose files are
fetched over HTTP. A request that failed is sent again with the same message ids, as the SDKs do; what was answered with
200 is accepted. Exit code 1 when anything was lost, stored twice, or a reader saw an error.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.soak.report import report, verdict
from tests.faults.soak.run import Soak, reading
from tests.support_s3 import serving


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=200, help="events a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the kills (default: %(default)s)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its parts are stopped, too
    with tempfile.TemporaryDirectory(prefix="soak-") as name, serving(_made(Path(name) / "s3")) as server:
        soak = Soak(Path(name), server, args.rate, args.seed)
        print(f"{args.rate} events/s for {args.minutes:g} minutes; the parts' logs are in {name}", flush=True)
        try:
            began = datetime.now(UTC)
            with reading(soak.environment, 2) as readers:
                soak.run(args.minutes * 60, lambda text: print(text, flush=True))
                soak.drain()
            soak.stop()
            report(soak, readers, began, args.minutes * 60)
            return verdict(soak, readers)
        finally:
            soak.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
