from __future__ import annotations

import pytest

from pipeline.enrich.modal import modal
from tests.unit.enriching import batch, column


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("register modal", "register"),
        ("newsletter modal", "newsletter"),
        ("selection modal", "subscribe"),
        ("subscription create modal", "subscribe"),
        ("subscription success modal", "success"),
        ("login modal", "login"),
        ("dashboard", "dashboard"),
        ("meter", "meter"),
        ("payment success modal", "success"),
        ("pelcro-register-modal", "register"),
        ("pelcro-subscription-create-modal", "subscribe"),
        ("pelcro-gift-create-modal", "gift create"),
        ("pelcro-modal", "modal"),
        ("Register Modal", "register"),
        ("  SUBSCRIPTION   create  modal ", "subscribe"),
        ("subscription-create-modal", "subscribe"),
        ("Gift Redeem modal", "Gift Redeem"),
        ("address-edit", "address-edit"),
        ("modality", "modality"),
        ("modal", "modal"),
        ("", None),
        (None, None),
    ],
)
def test_names_as_sent_become_the_names_of_reports(sent: str | None, name: str | None) -> None:
    assert column(modal(batch({"modal_name": sent})), "modal") == [name]


def test_what_parsing_named_stays_where_no_name_was_sent() -> None:
    table = batch({"modal": "meter"}, {"modal": "meter", "modal_name": "login modal"})
    assert column(modal(table), "modal") == ["meter", "login"]
