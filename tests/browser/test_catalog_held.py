"""The dashboard has the catalog held for as long as it runs."""

from __future__ import annotations

from pathlib import Path

import psutil

from pipeline.lake.engine import CATALOG
from tests.browser.conftest import serving
from tests.support import make_lake


def test_a_process_beside_the_dashboard_holds_the_catalog(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    lake.close()
    with serving(tmp_path) as server:
        beside = [process.cmdline() for process in psutil.Process(server.pid).children(recursive=True)]
        assert [each[-2:] for each in beside if "hold" in each] == [["hold", str(lake.folder / CATALOG)]]
