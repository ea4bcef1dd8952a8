"""What the e-challan API does with card numbers (docs/adr/0084)."""

import pytest

from tests.api.echallan.echallan_setup import CREATE, Window
from tests.fakes.challans import gives

CARD, MASKED = "4111111111111111", "411111******1111"


@pytest.mark.parametrize("member", ["APPLICANT_NAME", "REFERENCE_NAME", "ADDRESS", "PURPOSE"])
async def test_text_is_stored_masked(window: Window, member: str) -> None:
    window.scene.treasury.deeds += [gives("2526-0000000001"), gives("2526-0000000002")]
    reply = await window.create(**{member: f"Rahela {CARD}"})
    assert reply.told == "200"
    (stored,) = window.scene.challans.requests.values()
    assert stored.written[member] == f"Rahela {MASKED}"


@pytest.mark.parametrize("member", ["REQUEST_ID", "PAY_TRXID", "REF_NO"])
async def test_a_name_with_a_card_number_is_refused_by_its_member(window: Window, member: str) -> None:
    reply = await window.create(**{member: f"A-{CARD}"})
    assert reply.content == {"STATUS": "400", "MESSAGE": f"Validation error: {member} holds a card number"}


async def test_whatever_is_malformed_is_named(window: Window) -> None:
    reply = await window.create(MOBILE_NO="1")
    assert reply.content == {"STATUS": "400", "MESSAGE": "Validation error: MOBILE_NO"}
    lines = [{**CREATE["CREDIT_INFO"][0], "AMOUNT": "x"}]
    reply = await window.create(CREDIT_INFO=lines)
    assert reply.content["MESSAGE"] == "Validation error: CREDIT_INFO.0.AMOUNT"
