"""What orders cost and who has which part: the shares are whole and nobody's is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.callers.ekshop.catalogue import AGENTS, COURIER, DISTRICTS, GOODS, PAYEES, POST
from sandbox.callers.ekshop.pricing import QUANTITY_MAX, SHOP, NoSuchPurchaseError, Purchase

quantities = st.dictionaries(
    st.sampled_from([good.code for good in GOODS]), st.integers(1, QUANTITY_MAX), min_size=1
)


@given(quantities, st.sampled_from(list(DISTRICTS)), st.sampled_from([None, *(one.code for one in AGENTS)]))
def test_the_shares_of_any_purchase_sum_to_what_it_costs(
    bought: dict[str, int], district: str, agent: str | None
) -> None:
    bill = Purchase(bought, district, agent).bill()
    assert sum(share.amount_paisa for share in bill.shares) == bill.total_paisa
    assert all(share.amount_paisa > 0 for share in bill.shares)
    payees = [share.payee for share in bill.shares]
    assert len(payees) == len(set(payees)) == len(bill.goods_paisa) + 2 + (agent is not None)
    assert set(payees) <= {code for code, _, _ in PAYEES} | {SHOP}


def test_an_agents_order_goes_by_post_and_pays_a_commission_out_of_the_margin() -> None:
    alone, by_agent = (Purchase({"kantha": 1}, "bogura", agent).bill() for agent in (None, "udc-fulbari"))
    assert (alone.carrier, by_agent.carrier) == (COURIER, POST)
    # 2,450.75 taka: a margin of 122.54, of which 49.02 is the agent's; 1.8 kg are a kilogram and one more.
    assert [(one.payee, one.amount_paisa) for one in alone.shares] == [
        ("nakshi-jamalpur", 2_328_21), ("padma-courier", 135_50), (SHOP, 122_54),
    ]  # fmt: skip
    assert [(one.payee, one.amount_paisa) for one in by_agent.shares] == [
        ("nakshi-jamalpur", 2_328_21), ("gram-dak", 97_25), ("udc-fulbari", 49_02), (SHOP, 73_52),
    ]  # fmt: skip


def test_within_the_sellers_district_a_parcel_is_cheaper() -> None:
    assert Purchase({"lamp": 1}, "khulna").bill().carriage_paisa == 60_00
    assert Purchase({"lamp": 1}, "sylhet").bill().carriage_paisa == 120_00


@pytest.mark.parametrize(
    "purchase",
    [
        Purchase({}, "bogura"),
        Purchase({"moon": 1}, "bogura"),
        Purchase({"doi": 0}, "bogura"),
        Purchase({"doi": QUANTITY_MAX + 1}, "bogura"),
        Purchase({"doi": 1}, "atlantis"),
        Purchase({"doi": 1}, "bogura", "nobody"),
    ],
)
def test_what_cannot_be_bought_is_refused(purchase: Purchase) -> None:
    with pytest.raises(NoSuchPurchaseError):
        purchase.bill()


def test_every_payee_has_a_code_of_its_own() -> None:
    codes = [code for code, _, _ in PAYEES]
    assert len(codes) == len(set(codes))
