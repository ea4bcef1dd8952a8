"""The paper of a demand says what was kept at its approval."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.errors import ReportError
from reconciliation.papers.demands.demand_paper import demand_page
from reconciliation.settlement.store.demands import Demand

CONTENT = {
    "name": "দোকান Traders",
    "amount": 1_234_567_89,
    "owed_since": "2026-04-05",
    "reference": "EKD000794",
    "account": {"name": "EkPay", "bic": "AAAABDDHXXX", "routing_number": "991260012", "account": "991000"},
    "is_rehearsal": False,
}
AT = datetime(2026, 4, 6, 20, tzinfo=UTC)
DEMAND = Demand(
    UUID(int=1), 7, "merchant", "shop", 1_234_567_89, 14, "Rahima", AT, "Karim", AT, date(2026, 4, 21),
    CONTENT, None, None, None, None, None, None, None, None, None,
)  # fmt: skip


def test_it_has_name_amount_reference_and_our_account_in_both_languages() -> None:
    page = demand_page(DEMAND)
    assert page["title"] == {"en": "Demand for payment", "bn": "পাওনা পরিশোধের দাবি"}
    assert page["amount"] == {"en": "12,34,567.89 taka", "bn": "১২,৩৪,৫৬৭.৮৯ টাকা"}
    assert page["due"] == {"en": "2026-04-21", "bn": in_bangla("2026-04-21")}
    assert page["issued"]["en"] == "2026-04-07", "it was evening in London, and the next day in Dhaka"
    assert page["payee"] == {"name": "দোকান Traders", "id": "merchant:shop"}
    assert (page["name"], page["reference"], page["mark"]) == ("D-0007", "EKD000794", None)
    assert page["account"] == CONTENT["account"]


def test_a_rehearsal_says_so() -> None:
    mark = demand_page(replace(DEMAND, content=CONTENT | {"is_rehearsal": True}))["mark"]
    assert mark["en"].startswith("REHEARSAL")


def test_what_is_not_approved_has_no_paper() -> None:
    with pytest.raises(ReportError, match=r"^D-0007 is not approved"):
        demand_page(replace(DEMAND, content=None))
