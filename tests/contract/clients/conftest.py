"""What all clients do, played once for all tests here."""

from __future__ import annotations

import pytest

from tests.contract.clients.install import install
from tests.contract.clients.rounds import Outcome, hurry, play


@pytest.fixture(scope="session")
def npm_clients() -> None:
    assert install() == 0, "the npm clients are not here: see above"


@pytest.fixture(scope="module")
def outcome(npm_clients: None, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return play(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="module")
def hurried(npm_clients: None, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return hurry(tmp_path_factory.mktemp("hurried"), visits=3, per_second=2)
