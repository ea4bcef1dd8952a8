"""prepaid_vend and xml_vend against their simulators over real HTTP: every house, whatever goes wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

import sandbox.billers.prepaid.family as prepaid
import sandbox.billers.xmlvend.family as xmlvend
from ekpay_switch.cli.billers.conformance import BillerConformance
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact
from ekpay_switch.domain.bill import AmountRefused, BillFound, BillMissing
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Posted
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT
from ekpay_switch.domain.vending import TokenKind
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from tests.biller_adapters.conftest import MANIFESTS, the_manifest
from tests.biller_adapters.sandbox_stage import HouseStage, house_stage

DESCO, DPDC, BREB, WEST_ZONE, BPDB = (
    f"{name}_prepaid" for name in ("desco", "dpdc", "breb", "wzpdcl", "bpdb")
)
BILLERS = (DESCO, DPDC, BREB, WEST_ZONE, BPDB)
CREDIT, KEY_CHANGE, TARIFF, OTHER = (
    TokenKind.CREDIT,
    TokenKind.KEY_CHANGE,
    TokenKind.TARIFF,
    TokenKind.UNSPECIFIED,
)
NEW_PRICES, NEW_KEY, BOTH = 2, 4, 6  # the nth normal account is the one whose serial is one more


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HouseStage]:
    far_side = xmlvend.XmlVendFamily if request.param == BPDB else prepaid.PrepaidFamily
    async with house_stage(the_manifest(request.param), far_side, tmp_path) as stage:
        yield stage


def at(*houses: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("house", houses, indirect=True)


every_house = at(*BILLERS)


def code_of(house: HouseStage, json_code: str, state: str) -> str:
    return state if house.manifest.family == "xml_vend" else json_code


def test_every_house_of_the_simulators_has_its_biller() -> None:
    families = (prepaid.PrepaidFamily, xmlvend.XmlVendFamily)
    houses = {institution.id for family in families for institution in family.institutions}
    assert houses == {*BILLERS, "rehearsal"}
    known = {one.id for one in MANIFESTS if one.family in {"prepaid_vend", "xml_vend"}}
    assert known == {*BILLERS, "nesco_prepaid"}


@pytest.mark.parametrize("biller", BILLERS)
def test_a_biller_finds_its_house_where_nothing_is_set(biller: str) -> None:
    name, base = (
        (InstitutionName.XMLVEND, "/xmlvend") if biller == BPDB else (InstitutionName.PREPAID, "/prepaid")
    )
    place = f"http://127.0.0.1:{DEFAULT_PORTS[name]}{base}/{biller}"
    assert the_manifest(biller).endpoint.url_default == place


@every_house
async def test_an_amount_is_quoted_vended_vended_again_and_asked_about(house: HouseStage) -> None:
    order = await house.order()
    first = await house.adapter.pay(order)
    again = await house.adapter.pay(order)
    asked = await house.adapter.inquire(order)
    (taken,) = await house.payments()
    assert isinstance(first, Approved)
    assert first == again
    assert asked == Posted(order.reference, order.sums.billed_amount.minor, first.facts, first.tokens)
    assert taken["amount_paisa"] == order.sums.billed_amount.minor
    assert first.facts["vendor_balance"] == taken["facts"]["balance"]
    assert ",".join(line.digits for line in first.tokens) == taken["facts"].get("token", "")
    assert not any(line.digits in repr((first, asked)) for line in first.tokens)


@every_house
async def test_a_conformance_run_proves_what_the_manifest_claims(house: HouseStage) -> None:
    run = BillerConformance(house.adapter, await house.fields("normal"), house.clock.now().date())
    findings = [finding async for finding in run.run()]
    assert [finding for finding in findings if not finding.is_right] == []
    safety = house.adapter.profile.safety
    verdicts = run.verdicts()
    assert verdicts[SafetyFact.CAN_BE_ASKED] is verdicts[SafetyFact.ECHOES_AMOUNT] is FactVerdict.PROVEN
    assert verdicts[SafetyFact.DEDUPLICATES] is (
        FactVerdict.PROVEN if safety.deduplicates else FactVerdict.NOT_SHOWN
    )


@every_house
async def test_the_lines_of_a_quote_are_its_amount(house: HouseStage) -> None:
    bill = await house.bill()
    assert len(bill.charges) >= 3
    assert sum(line.amount.minor for line in bill.charges) == bill.total.minor
    assert bill.bill_key == ""


@every_house
async def test_a_meter_is_charged_any_number_of_times(house: HouseStage) -> None:
    first, second = await house.order(), await house.order()
    outcomes = [await house.adapter.pay(order) for order in (first, second)]
    assert all(isinstance(outcome, Approved) for outcome in outcomes)
    assert len(await house.payments()) == 2


@at(DPDC, BREB, WEST_ZONE, BPDB)
async def test_two_vends_bring_two_tokens(house: HouseStage) -> None:
    bought = [await house.adapter.pay(await house.order()) for _ in range(2)]
    digits = [line.digits for one in bought if isinstance(one, Approved) for line in one.tokens]
    assert len(digits) == len(set(digits)) == 2


@every_house
async def test_nobodys_number_is_a_missing_bill(house: HouseStage) -> None:
    assert await house.fetch("unknown") == BillMissing()


@every_house
async def test_an_amount_beyond_their_bounds_is_refused(house: HouseStage) -> None:
    assert await house.fetch(amount="15001") == AmountRefused()
    assert await house.fetch(amount="99") == AmountRefused()
    assert isinstance(await house.fetch(amount="15000"), BillFound)


@every_house
async def test_the_limit_of_a_meter_is_told_at_the_vend(house: HouseStage) -> None:
    order = await house.order("already_paid")
    declined = Declined("limit_reached", code_of(house, "10022", "88"))
    assert await house.adapter.pay(order) == declined
    assert await house.adapter.inquire(order) == NotFound()


@every_house
async def test_a_change_of_tariff_kills_a_quote(house: HouseStage) -> None:
    order = await house.order("amount_changes")
    assert await house.adapter.pay(order) == Declined("quote_expired", code_of(house, "10020", "40"))
    assert await house.adapter.inquire(order) == NotFound()


@every_house
async def test_a_quote_dies_of_age(house: HouseStage) -> None:
    order = await house.order()
    house.clock.advance(minutes=30)
    assert await house.adapter.pay(order) == Declined("quote_expired", code_of(house, "10020", "40"))
    assert await house.adapter.inquire(order) == NotFound()


@every_house
async def test_what_was_vended_is_told_after_its_quote_has_died(house: HouseStage) -> None:
    order = await house.order()
    first = await house.adapter.pay(order)
    house.clock.advance(minutes=45)
    assert await house.adapter.pay(order) == first
    assert isinstance(await house.adapter.inquire(order), Posted)
    assert len(await house.payments()) == 1


@every_house
async def test_a_refused_vend_is_declined(house: HouseStage) -> None:
    declined = Declined("refused", code_of(house, "10021", "41"))
    assert await house.adapter.pay(await house.order("refuses")) == declined


@every_house
@pytest.mark.parametrize("kind", ["lost_paid", "html"])
async def test_a_vend_without_an_answer_brings_its_last_response(house: HouseStage, kind: str) -> None:
    order = await house.order(kind)
    assert isinstance(await house.adapter.pay(order), InDoubt)
    asked = await house.adapter.inquire(order)
    (taken,) = await house.payments()
    assert isinstance(asked, Posted)
    assert asked.amount_minor == order.sums.billed_amount.minor
    assert ",".join(line.digits for line in asked.tokens) == taken["facts"].get("token", "")
    assert await house.adapter.pay(order) == Approved(asked.facts, asked.tokens)
    assert len(await house.payments()) == 1


@every_house
async def test_a_vend_that_was_lost_is_not_found_and_may_be_sent_again(house: HouseStage) -> None:
    order = await house.order("lost_unpaid")
    assert isinstance(await house.adapter.pay(order), InDoubt)
    assert await house.adapter.inquire(order) == NotFound()
    assert isinstance(await house.adapter.pay(order), Approved)
    assert len(await house.payments()) == 1


@every_house
async def test_an_echo_of_another_amount_is_told_as_it_is(house: HouseStage) -> None:
    order = await house.order("echoes_other")
    assert isinstance(await house.adapter.pay(order), InDoubt)
    asked = await house.adapter.inquire(order)
    assert isinstance(asked, Posted)
    assert asked.amount_minor == order.sums.billed_amount.minor + 100
    assert FINAL_RECEIPT not in asked.facts


@every_house
async def test_a_slow_vend_is_waited_for(house: HouseStage) -> None:
    assert isinstance(await house.adapter.pay(await house.order("slow")), Approved)


@every_house
async def test_a_deposit_that_does_not_reach_refuses_until_it_is_filled(house: HouseStage) -> None:
    left = (await house.desk.admin("GET", "deposits"))[house.house]
    order = await house.order(amount="500")
    await house.desk.admin("POST", "deposits", {"house": house.house, "paisa": 49_999 - left})
    assert await house.adapter.pay(order) == Declined("refused", code_of(house, "10023", "45"))
    assert await house.desk.admin("POST", "deposits", {"house": house.house, "paisa": 1}) == {
        house.house: 50_000
    }
    outcome = await house.adapter.pay(order)
    assert isinstance(outcome, Approved)
    assert outcome.facts["vendor_balance"] == "0.00"
    assert (await house.desk.admin("GET", "deposits"))[house.house] == 0


@at(BREB)
async def test_key_lines_come_before_prices_and_the_credit_last_and_only_once(house: HouseStage) -> None:
    kinds = []
    for nth in (NEW_PRICES, NEW_KEY, BOTH, BOTH):
        outcome = await house.adapter.pay(await house.order(nth=nth))
        assert isinstance(outcome, Approved)
        kinds.append([line.kind for line in outcome.tokens])
    assert kinds == [
        [TARIFF] * 11 + [CREDIT],
        [KEY_CHANGE] * 2 + [CREDIT],
        [KEY_CHANGE] * 2 + [TARIFF] * 9 + [CREDIT],
        [CREDIT],
    ]


@at(WEST_ZONE)
async def test_homes_get_nine_or_eleven_lines_after_a_price_change_and_shops_five(house: HouseStage) -> None:
    lengths = []
    for nth in (2, 12, 22):
        outcome = await house.adapter.pay(await house.order(nth=nth))
        assert isinstance(outcome, Approved)
        lengths.append(len(outcome.tokens))
    assert lengths == [9, 11, 5]


@at(BPDB)
async def test_a_row_of_digits_is_told_apart_into_its_lines(house: HouseStage) -> None:
    kinds = []
    for nth in (0, NEW_PRICES, 12):
        outcome = await house.adapter.pay(await house.order(nth=nth))
        assert isinstance(outcome, Approved)
        kinds.append([line.kind for line in outcome.tokens])
    assert kinds == [[CREDIT], [OTHER] * 3 + [CREDIT], [OTHER] * 11 + [CREDIT]]


@at(DESCO)
async def test_a_meter_is_credited_from_afar_and_a_token_comes_where_that_fails(house: HouseStage) -> None:
    remote = await house.adapter.pay(await house.order())
    keyed = await house.adapter.pay(await house.order(nth=3))
    assert isinstance(remote, Approved)
    assert isinstance(keyed, Approved)
    assert (remote.tokens, remote.facts["token_delivery"]) == ((), "remote")
    assert remote.facts[RECEIPT]
    assert [line.kind for line in keyed.tokens] == [CREDIT]
    assert "token_delivery" not in keyed.facts


@at(DPDC)
async def test_a_customer_is_the_same_by_the_meter(house: HouseStage) -> None:
    query = await house.query(nth=1)
    by_customer = await house.bill(nth=1)
    told = {name: text for name, text in query.parameters.items() if name != "customer_no"}
    reply = await house.adapter.fetch(
        replace(query, parameters={**told, "meter_no": by_customer.details["meter_no"]})
    )
    assert isinstance(reply, BillFound)
    assert (reply.bill.account, reply.bill.charges) == (
        by_customer.details["meter_no"],
        by_customer.charges,
    )
    assert isinstance(await house.adapter.pay(house.order_of(reply.bill)), Approved)


@at(BPDB)
async def test_a_lost_acknowledgement_keeps_the_token_and_is_sent_by_the_next_question(
    house: HouseStage,
) -> None:
    await house.desk.admin("POST", "acknowledgements", {"house": BPDB, "times": 1})
    order = await house.order()
    outcome = await house.adapter.pay(order)
    assert isinstance(outcome, Approved)
    assert len(outcome.tokens) == 1
    assert FINAL_RECEIPT not in outcome.facts
    assert [line["facts"]["acknowledged"] for line in await house.payments()] == ["N"]
    asked = await house.adapter.inquire(order)
    assert isinstance(asked, Posted)
    assert asked.facts[FINAL_RECEIPT] == asked.facts[RECEIPT] == outcome.facts[RECEIPT]
    assert [line["facts"]["acknowledged"] for line in await house.payments()] == ["Y"]
    assert asked.tokens == outcome.tokens


@at(BPDB)
async def test_what_was_verified_once_is_not_vended_under_two_names(house: HouseStage) -> None:
    order = await house.order()
    assert isinstance(await house.adapter.pay(order), Approved)
    other = replace(order, reference="ANOTHER0000000000000000001")
    assert await house.adapter.pay(other) == Declined("quote_expired", "40")
    assert await house.adapter.inquire(other) == NotFound()
