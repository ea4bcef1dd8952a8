"""Parts of a bank's line that are given back, each under the bank's own reference of its transfer."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from reconciliation.canonical_row import BROKEN
from reconciliation.errors import SettlementError
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.settlement.store.expected_transfers import booked_transfers
from reconciliation.settlement.unidentified.found_lines import FoundLines
from reconciliation.unidentified.items import ItemAction, ItemState
from tests.database import a_copy
from tests.examples import examples
from tests.persistence.conftest import open_books
from tests.reconciliation.settlement.sample_lines import MON
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Row, Stage, booked
from tests.reconciliation.settlement.test_unidentified_lines import (
    PREFUND,
    SUSPENSE,
    checked,
    follow,
    item,
    items,
    names,
    partner,
    proposed,
    sound,
    stranger,
)

Targets = Sequence[tuple[str, int | None]]
# What each line has put into suspense, and taken out of it.
HELD = f"""
SELECT i.amount, coalesce((
  SELECT sum(p.amount)::bigint FROM reconciliation.unidentified_events AS e
  JOIN postings AS p ON p.entry_id = e.entry_id AND p.account = '{SUSPENSE}'
  WHERE e.item_id = i.id), 0) AS held
FROM reconciliation.unidentified_items AS i
"""  # noqa: S608 - a constant


async def split(stage: Stage, *targets: tuple[str, int | None], number: int = 1) -> None:
    await proposed(stage, ItemAction.SPLIT, *targets, number=number)


async def test_what_was_paid_too_much_goes_back_and_the_rest_is_linked(stage: Stage) -> None:
    await partner(stage)
    came, back = stranger(51_200, "", "SB7"), stranger(-1_200, "", "FT-9")
    await follow(stage, came)
    await split(stage, (PREFUND, 50_000), ("return:FT-9", 1_200))
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": 50_000, PREFUND: 50_000}
    assert ("FT-9", -1_200, "return") in await names(stage)
    assert (await follow(stage, came, back)).lines == FoundLines(), "its debit is booked already"
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert (await stage.follow()).lines == FoundLines(found=(2,))
    assert await stage.balances() == {"settlement_bank": 50_000, SUSPENSE: 50_000}
    assert await sound(stage)


async def test_money_that_goes_back_in_two_transfers_books_both_lines(stage: Stage) -> None:
    """Of one amount, and one of them is in the list already; each is expected on the statement by itself."""
    came, one, other = stranger(900, "", "SB7"), stranger(-450, "", "FT-1"), stranger(-450, "OUR-2", "FT-2")
    await follow(stage, came, one)
    await split(stage, ("return:FT-1", 450), ("return:FT-2", 450))
    assert (await follow(stage, came, one, other)).lines == FoundLines(left=(2,)), "the proposal names both"
    await checked(stage)
    assert (await stage.follow()).lines == FoundLines()
    assert await stage.balances() == {}
    connection = await stage.office.connect()
    transfers = [one for one in await booked_transfers(connection, stage.office) if one.kind == "return"]  # type: ignore[arg-type]
    await connection.close()
    assert [(one.names, one.amount) for one in transfers] == [(("FT-1",), -450), (("FT-2",), -450)]
    assert len({one.origin for one in transfers}) == 2
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert (await stage.follow()).lines == FoundLines(found=(2, 3))
    assert await sound(stage)


async def test_an_open_item_of_each_transfer_is_let_go_by_the_approval(stage: Stage) -> None:
    await follow(stage, stranger(900, "", "SB7"), stranger(-500, "", "FT-1"), stranger(-400, "OUR-2", "FT-2"))
    await split(stage, ("return:FT-1", 500), ("return:FT-2", 400))
    await checked(stage)
    states = [one.state for one in await items(stage)]
    assert states == [ItemState.SETTLED, ItemState.GONE, ItemState.GONE]
    assert (await stage.balances(), (await stage.follow()).lines) == ({}, FoundLines())
    assert await sound(stage)


async def test_a_fee_on_what_goes_back_is_borne_by_the_payer(stage: Stage) -> None:
    """The bank's own line of the fee is linked, or claimed by a reference of its own."""
    await follow(stage, stranger(51_200, "", "SB7"), stranger(-1_200, "", "CHG"), stranger(700, "", "SB8"))
    await proposed(stage, ItemAction.LINK, ("bank_charges", None), number=2)
    await checked(stage, number=2)
    await split(stage, ("return:FT-9", 50_000), ("bank_charges", 1_200))
    await checked(stage)
    await split(stage, ("return:FT-10", 650), ("return:FEE-10", 50), number=3)
    await checked(stage, number=3)
    assert await stage.balances() == {}
    assert await sound(stage)


async def test_money_that_left_comes_back_in_part(stage: Stage) -> None:
    await follow(stage, stranger(-51_200, "", "SB7"), stranger(50_000, "", "FT-9"))
    await split(stage, ("return:FT-9", 50_000), ("bank_charges", 1_200))
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": -1_200, "bank_charges": 1_200}
    assert [one.state for one in await items(stage)] == [ItemState.SETTLED, ItemState.GONE]
    assert await sound(stage)


async def test_a_fee_on_top_of_what_went_back_is_a_part_of_the_line_that_left(stage: Stage) -> None:
    await follow(stage, stranger(50_000, "", "SB7"), stranger(-51_200, "", "FT-9"))
    with pytest.raises(SettlementError, match=r"^reference: .* or has another amount or bank"):
        await proposed(stage, ItemAction.RETURN, reference="FT-9")
    await split(stage, ("return:SB7", 50_000), ("bank_charges", 1_200), number=2)
    await checked(stage, number=2)
    assert await stage.balances() == {"settlement_bank": -1_200, "bank_charges": 1_200}
    assert [one.state for one in await items(stage)] == [ItemState.GONE, ItemState.SETTLED]
    assert (await stage.follow()).lines == FoundLines()
    assert await sound(stage)


UNFIT: list[tuple[Targets, str]] = [
    ((("return:FT-1", 500), (PREFUND, 400)), r"^target: return:FT-1: .* or has another amount or bank"),
    ((("return:JB-1", 300), (PREFUND, 600)), r"^target: return:JB-1: .* or has another amount or bank"),
    ((("return:TOP-1", 400), (PREFUND, 500)), r"^target: return:TOP-1: top-up .* has booked it"),
    ((("return:SB7", 400), (PREFUND, 500)), r"^target: return:SB7: "),
    ((("return:FT-2", 450), ("return:OUR-2", 450)), r"^target: return:FT-2 and return:OUR-2 are one line"),
    ((("return:FT-3", 450), ("return:FT-3", 450)), r"^parts: a target stands there twice"),
    ((("return:FT-3", 450), (PREFUND, 449)), r"^parts: they come to 899 paisa, and the line has 900"),
    ((("return:", 450), (PREFUND, 450)), r"^target: return: takes the bank's own reference"),
    ((("return:FT 3", 450), (PREFUND, 450)), r"^target: return: takes the bank's own reference"),
    ((("bank_charges", 450), (PREFUND, 450)), r"^target: .* bank_charges only beside a return"),
    ((("bank_charges", 900),), r"^target: .* bank_charges only beside a return"),
]


async def test_what_is_no_transfer_of_the_part_is_refused(stage: Stage) -> None:
    """The bank's line has another amount or bank, is booked elsewhere, or is named twice."""
    await partner(stage)
    top_ups = TopUps(stage.office.connect)
    await top_ups.approve(
        await top_ups.request(TopUp("bank1", "postpaid", Money(400), "TOP-1"), MAKER), CHECKER
    )
    stage.rows = [booked("stmt_janata", "", -300, MON, theirs="JB-1", verdict=BROKEN)]
    lines = [stranger(900, "", "SB7"), stranger(-400, "", "FT-1"), stranger(-450, "OUR-2", "FT-2")]
    assert len((await follow(stage, *lines)).lines.found) == 4
    credit = next(one.number for one in await items(stage) if one.amount == 900)
    for targets, why in UNFIT:
        with pytest.raises(SettlementError, match=why):
            await split(stage, *targets, number=credit)
    with pytest.raises(SettlementError, match=r"^target: the whole line goes back by .* return"):
        await proposed(stage, ItemAction.LINK, ("return:FT-9", None), number=credit)
    assert {one.state for one in await items(stage)} == {ItemState.OPEN}


async def test_a_transfer_that_was_booked_meanwhile_refuses_the_approval(stage: Stage) -> None:
    await partner(stage)
    await follow(stage, stranger(900, "", "SB7"), stranger(700, "", "SB8"))
    await split(stage, ("return:FT-9", 450), (PREFUND, 450))
    await split(stage, ("return:FT-9", 450), (PREFUND, 250), number=2)
    await checked(stage, number=2)
    before = await stage.balances()
    with pytest.raises(SettlementError, match=r"^target: return:FT-9: the return of .* has booked it"):
        await checked(stage)
    assert (await stage.balances(), (await item(stage)).state) == (before, ItemState.PROPOSED)
    assert await sound(stage)


TAMPERINGS = [
    ("DELETE FROM break_bank_lines WHERE reference = 'FT-9'", "nothing keeps FT-9 booked for its part"),
    ("UPDATE break_bank_lines SET amount = -399 WHERE reference = 'FT-9'", "none of an unidentified line"),
    ("UPDATE break_bank_lines SET bank = 'x' WHERE reference = 'FT-9'", "none of an unidentified line"),
    (
        "UPDATE reconciliation.unidentified_parts SET target = 'return:FT-8' WHERE target = 'return:FT-9'",
        "none of an unidentified line",
    ),
]


async def test_the_audit_proves_the_line_of_each_part(stage: Stage) -> None:
    await partner(stage)
    await follow(stage, stranger(900, "", "SB7"), stranger(70, "", "SB8"))
    await split(stage, ("return:FT-9", 400), ("return:FT-10", 400), (PREFUND, 100))
    await checked(stage)
    await proposed(stage, ItemAction.RETURN, number=2, reference="FT-11")
    await checked(stage, number=2)
    assert await sound(stage)
    connection = await stage.books.superuser()
    for tampering, why in TAMPERINGS:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL session_replication_role = replica; {tampering}")
        found = await first_broken(connection)
        await transaction.rollback()
        assert found is not None, tampering
        assert why in found.why, found
    await connection.close()


few = settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
amounts = st.lists(st.integers(1, 3), min_size=1, max_size=4)
steps = st.sampled_from(["propose", "approve", "approve", "reject", "reverse", "credits"])


def _targets(data: st.DataObject, shares: Sequence[int]) -> Targets:
    """A target for each part: transfers, of which a reference may stand there twice, and prefunds."""
    kinds = st.sampled_from(["return:FT-1", "return:FT-2", "return:FT-3", PREFUND])
    return tuple((data.draw(kinds), 100 * share) for share in shares)


@few
@given(st.data())
async def test_no_order_of_decisions_books_a_line_twice(endpoint: Endpoint, data: st.DataObject) -> None:
    """Suspense holds a line whole or not at all, and our bank's balance is that of the lines it books."""
    shares = data.draw(amounts)
    lines = [stranger(100 * sum(shares), "", "SB1"), stranger(100 * sum(shares), "", "SB2")]
    backs = [stranger(-100 * data.draw(st.integers(1, 3)), "", f"FT-{number}") for number in (1, 2)]
    with TemporaryDirectory() as folder:
        async with a_copy(endpoint) as place, open_books(place) as books:
            stage = await Stage(books, Path(folder)).staff()
            await partner(stage)
            await follow(stage, *lines)
            for step in data.draw(st.lists(steps, min_size=3, max_size=9)):
                shown = lines + data.draw(st.sampled_from([[], backs]))
                await _step(stage, step, _targets(data, shares), shown, data.draw(st.integers(1, 2)))
                await holds(stage)
            assert await sound(stage)


async def _step(stage: Stage, step: str, targets: Targets, shown: Sequence[Row], number: int) -> None:
    try:
        match step:
            case "propose":
                await split(stage, *targets, number=number)
            case "reverse":
                await proposed(stage, ItemAction.REVERSE, number=number)
            case "credits":
                await follow(stage, *shown)
            case _:
                await checked(stage, approves=step == "approve", number=number)
    except SettlementError:
        """Refused, so nothing has changed."""


async def holds(stage: Stage) -> None:
    assert all(-row["held"] in {0, row["amount"]} for row in await stage.books.rows(HELD))
    standing = await names(stage)
    assert not [name for name, times in Counter(name for name, *_ in standing).items() if times > 1]
    bank = (await stage.balances()).get("settlement_bank", 0)
    assert bank == sum(int(str(amount)) for _, amount, _ in standing)


@pytest.mark.parametrize("fee_first", [True, False])
async def test_a_fee_under_the_reference_of_its_transfer_keeps_its_own_door(
    stage: Stage, *, fee_first: bool
) -> None:
    """The transfer holds the reference and the return takes it over; the fee is linked by its number."""
    lines = [stranger(-900, "", "FT-9"), stranger(-12, "", "FT-9")]
    await follow(stage, stranger(912, "", "SB7"), *(reversed(lines) if fee_first else lines))
    assert ("FT-9", -900, "unidentified") in await names(stage)
    await split(stage, ("return:FT-9", 900), ("bank_charges", 12))
    await checked(stage)
    fee = next(one.number for one in await items(stage) if one.amount == -12)
    await proposed(stage, ItemAction.LINK, ("bank_charges", None), number=fee)
    await checked(stage, number=fee)
    assert (await stage.balances(), (await stage.follow()).lines) == ({}, FoundLines())
    assert await sound(stage)


async def test_a_fee_that_was_found_before_its_transfer_yields_the_reference(stage: Stage) -> None:
    came, fee, transfer = stranger(912, "", "SB7"), stranger(-12, "", "FT-9"), stranger(-900, "", "FT-9")
    other = stranger(-5, "FT-9", "CHG-5")
    await follow(stage, came, fee, other)
    assert [name for name in await names(stage) if name[0] == "FT-9"] == [("FT-9", -12, "unidentified")]
    assert (await follow(stage, came, fee, other, transfer)).lines.found == (2, 3, 4)
    assert [name for name in await names(stage) if name[0] == "FT-9"] == [("FT-9", -900, "unidentified")]
    assert (await stage.follow()).lines == FoundLines()
    await split(stage, ("return:FT-9", 900), ("bank_charges", 12))
    await checked(stage)
    for number in (2, 3):
        await proposed(stage, ItemAction.LINK, ("bank_charges", None), number=number)
        await checked(stage, number=number)
    assert await stage.balances() == {"settlement_bank": -5, "bank_charges": 5}
    assert (await stage.follow()).lines == FoundLines()
    assert await sound(stage)


async def test_a_fee_that_is_decided_yields_the_reference_once_that_is_reversed(stage: Stage) -> None:
    came, fee, transfer = stranger(912, "", "SB7"), stranger(-12, "", "FT-9"), stranger(-900, "", "FT-9")
    await follow(stage, came, fee)
    await proposed(stage, ItemAction.LINK, ("bank_charges", None), number=2)
    assert (await follow(stage, came, fee, transfer)).lines.found == (3,), "a proposal is not disturbed"
    await checked(stage, number=2)
    assert (await stage.follow()).lines == FoundLines()
    with pytest.raises(SettlementError, match=r"^target: return:FT-9: unidentified line 2 bears .*: reverse"):
        await split(stage, ("return:FT-9", 900), ("bank_charges", 12))
    await proposed(stage, ItemAction.REVERSE, number=2)
    await checked(stage, number=2)
    assert (await stage.follow()).lines.found == (2,)
    await split(stage, ("return:FT-9", 900), ("bank_charges", 12))
    await checked(stage)
    await proposed(stage, ItemAction.LINK, ("bank_charges", None), number=2)
    await checked(stage, number=2)
    assert await stage.balances() == {}
    assert await sound(stage)
