"""Lines of our bank that an instruction, a return or a request explains."""

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.bank_lines import BankLineBookedError
from ekpay_switch.persistence.ledger.transfer_corrections import TOP_UPS, TransferCorrections
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from reconciliation.errors import SettlementError
from reconciliation.settlement.unidentified.found_lines import FoundLines
from reconciliation.unidentified.items import ItemAction, ItemState
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, pair, report
from tests.reconciliation.settlement.test_unidentified_lines import (
    PREFUND,
    RTGS,
    SUSPENSE,
    alarms,
    checked,
    follow,
    items,
    partner,
    proposed,
    sound,
    stranger,
)

MESSAGE = "SELECT message_id FROM reconciliation.settlement_files"


async def test_a_debit_of_a_whole_message_and_its_return_are_no_unidentified_lines(stage: Stage) -> None:
    """One entry books all instructions of a message: suspense never has it as well."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": RTGS})
    await stage.run(SUN)
    await stage.settle(MON)
    message = await stage.books.value(MESSAGE)
    debit, other = stranger(-RTGS, str(message), "S1"), stranger(-RTGS - 1, str(message), "S3")
    assert (await follow(stage, debit)).lines.found == ()
    assert await stage.balances() == {}
    back = stranger(RTGS, str(message), "S2", business_date=TUE)
    assert (await follow(stage, debit, back)).lines.found == ()
    assert (await stage.balances())["settlement_bank"] == RTGS
    assert (await follow(stage, debit, back, other)).lines.found == (1,), "it is not what the message says"
    assert await sound(stage)


async def test_an_answer_that_divides_an_entry_takes_its_item_back(stage: Stage) -> None:
    """The bank has booked the message without what it rejects, and says so only a day later."""
    owed = {"payable:desco_postpaid": RTGS, "payable:breb_postpaid": RTGS + 1}
    stage.rows = [*pair("desco_postpaid", "D1", RTGS), *pair("breb_postpaid", "B1", RTGS + 1)]
    await stage.hold(owed | {"settlement_bank": 2 * RTGS + 1})
    await stage.run(SUN)
    await stage.settle(MON)
    assert (await follow(stage, stranger(-RTGS, str(await stage.books.value(MESSAGE)), "S1"))).lines.found
    rejected = await stage.books.value(
        "SELECT end_to_end_id FROM reconciliation.settlement_instructions WHERE amount = $1", RTGS + 1
    )
    assert (await stage.follow(report(str(rejected), "RJCT"))).lines == FoundLines(gone=(1,))
    assert await stage.balances() == {"settlement_bank": RTGS + 1, "payable:breb_postpaid": RTGS + 1}
    assert await sound(stage)


async def test_a_return_lets_go_of_the_item_of_its_own_transfer(stage: Stage) -> None:
    """The bank's debit was found before anybody had written the return down."""
    came, wrong = stranger(900, "", "SB7"), stranger(-800, "", "FT-8")
    lines = (came, stranger(-900, "OUR-9", "FT-9"), wrong)
    await follow(stage, *lines)
    with pytest.raises(SettlementError, match=r"^reference: .* or has another amount or bank"):
        await proposed(stage, ItemAction.RETURN, reference="FT-8")
    await proposed(stage, ItemAction.RETURN, reference="FT-9")
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": -800, SUSPENSE: -800}
    assert [one.state for one in await items(stage)] == [ItemState.SETTLED, ItemState.GONE, ItemState.OPEN]
    assert (await stage.follow()).lines == FoundLines()
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert (await stage.follow()).lines == FoundLines(found=(2,))
    await proposed(stage, ItemAction.RETURN, reference="FT-9")
    assert (await stage.follow()).lines == FoundLines(left=(2,)), "the proposal names it"
    await checked(stage, approves=False)
    assert (await stage.follow()).lines == FoundLines(found=(2,))
    assert await sound(stage)


async def test_a_line_that_a_request_names_is_left_to_it(stage: Stage) -> None:
    """Requested before the line was found, or after; an approval books it, and a rejection gives it back."""
    await partner(stage)
    tops = TopUps(stage.office.connect)
    first = await tops.request(TopUp("bank1", "postpaid", Money(500), "SB7"), MAKER)
    assert (await follow(stage, stranger(500, "", "SB7"), stranger(700, "", "SB8"))).lines.found == (1,)
    second = await tops.request(TopUp("bank1", "postpaid", Money(700), "SB8"), MAKER)
    with pytest.raises(BankLineBookedError, match="ekpay settle credits lets an open line go"):
        await tops.approve(second, CHECKER)
    assert (await stage.follow()).lines == FoundLines(left=(1,))
    assert await alarms(stage) == []
    await tops.approve(second, CHECKER)
    assert (await stage.follow()).lines == FoundLines()
    assert await stage.balances() == {"settlement_bank": 700, PREFUND: 700}
    await TransferCorrections(stage.office.connect, TOP_UPS).reject(first, "it is not theirs", CHECKER)
    assert (await stage.follow()).lines == FoundLines(found=(2,))
    assert await sound(stage)
