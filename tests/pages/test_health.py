"""The Pipeline page: the ledger balances in front of everybody."""

from __future__ import annotations

from tests.pages.conftest import Open
from tests.pages.sample import ORDINARY

SCRIPT = "pages/views/health.py"


def test_the_ledger_is_an_equation(open_page: Open) -> None:
    items = open_page("", SCRIPT).given("ledger")["items"]
    assert [item for item in items if isinstance(item, str)] == ["=", "+", "+", "+"]
    figures = {item["label"]: item["value"] for item in items if not isinstance(item, str)}
    assert figures["Lines read"] == figures["Loaded"] == str(ORDINARY + 1)
    assert figures["Check"] == "Balances"


def test_a_pipeline_that_never_ran_says_how_to_start_it(open_page: Open) -> None:
    items = open_page("", SCRIPT).given("health")["items"]
    assert items[0]["value"] == "Not run yet"
    assert "python -m pipeline run" in items[0]["note"]


def test_batches_and_the_missing_geo_database_are_listed(open_page: Open) -> None:
    page = open_page("", SCRIPT)
    assert len(page.given("batches")["rows"]) == 1
    assert page.given("geo")["items"][0]["value"] == "Missing"
    assert page.given("rejected")["rows"] == []
