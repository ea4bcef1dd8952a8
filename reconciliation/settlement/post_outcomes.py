"""Outcomes of instructions and payouts of connectors, matched and posted in one transaction.

Everything is compared with what was written before, and only changes are written and posted, so it can be
repeated at any time.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from reconciliation.canonical_row import FILE
from reconciliation.matching.institution_positions import COLUMNS, CURRENCY
from reconciliation.results.table_values import Connection
from reconciliation.settlement.contradictions import (
    NewStep,
    may_reinstate,
    raise_contradiction_alarms,
    write_new_steps,
)
from reconciliation.settlement.current_state import (
    SettlementWork,
    open_accounts,
    settlement_lock,
    statement_rows,
    take_in,
)
from reconciliation.settlement.debts.demands import follow_demands
from reconciliation.settlement.instructions.bank_answers import BankAnswer, parse_report
from reconciliation.settlement.instructions.instruction_outcomes import (
    BankRecords,
    Ending,
    InstructionOutcome,
    StatementSide,
    match_instructions,
    returned_ids,
    whole_message_entries,
)
from reconciliation.settlement.instructions.instruction_steps import InstructionStep, initial_step, next_step
from reconciliation.settlement.journal_entries import of_credit
from reconciliation.settlement.positions.payout_credits import (
    PayoutBatch,
    PayoutCredit,
    batches_of,
    credits_of,
    rounded_by_file,
    withdrawn_credit,
)
from reconciliation.settlement.store.bank_outcomes import (
    AnswerFile,
    carried_ids,
    read_answers,
    read_credits,
    read_steps,
    write_answers,
    write_credits,
)
from reconciliation.settlement.store.contradictions import Contradiction, open_contradictions
from reconciliation.settlement.store.settlement_lines import read_agreed
from reconciliation.settlement.store.settlement_sheets import (
    IssuedInstruction,
    ids_by_message,
    read_instructions,
)
from reconciliation.settlement.unidentified.found_lines import FoundLines, StatementLines, follow_statements
from reconciliation.settlement.unidentified.narratives import narratives_of
from reconciliation.settlement.unidentified.statement_lines import (
    statement_lines,
    unexplained_lines,
    without_entries,
)
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry
from reconciliation.unidentified.item_store import linked_parts
from reconciliation.unidentified.items import INSTRUCTION


@dataclass(frozen=True, slots=True)
class PostedOutcomes:
    """The state after posting: new steps, all outcomes, new credits and all credits.

    `strangers` are answers that match no instruction of ours, `contradictions` wait for two persons, and
    `waiting` are the batches whose payout date is over and that are in no statement. `lines` are the
    unidentified lines that were found or taken back.
    """

    steps: tuple[InstructionStep, ...]
    outcomes: tuple[InstructionOutcome, ...]
    new_credits: tuple[PayoutCredit, ...]
    credits: tuple[PayoutCredit, ...]
    strangers: tuple[BankAnswer, ...]
    contradictions: tuple[Contradiction, ...] = ()
    waiting: tuple[PayoutBatch, ...] = ()
    is_new: bool = True
    lines: FoundLines = field(default_factory=FoundLines)


async def post_outcomes(work: SettlementWork, answer: AnswerFile | None = None) -> PostedOutcomes:
    """Read an answer of a bank, if there is one, and post what is new since the last time.

    A contradiction of the bank raises an alarm, and stops the payouts of its payee.

    Raises:
        UnreadableFileError: the answer is no status report; nothing was written.
    """
    heard = None if answer is None else parse_report(answer.content)
    statements = statement_rows(work)
    batches = batches_of(statements, work.setting.layouts)
    await open_accounts(work, batches)
    async with settlement_lock(work):
        is_new = True
        if heard is not None and answer is not None:
            is_new = await write_answers(work.connection, answer, heard)
        lines = await _read_lines(work, statements)
        found = await follow_statements(work.connection, work.setting.finance, lines)
        await take_in(work)
        steps, outcomes, strangers = await _post_instructions(work, statements)
        new_credits, credits_ = await _post_credits(work, batches)
        contradictions = await open_contradictions(work.connection)
        await follow_demands(work)
    about = () if heard is None else tuple(stranger for stranger in strangers if stranger in heard)
    waiting = tuple(
        batch for batch in batches if batch.credited is None and batch.payout_date <= work.run.night
    )
    return PostedOutcomes(
        steps, outcomes, new_credits, credits_, about, contradictions, waiting, is_new, found
    )


async def post_instructions(work: SettlementWork) -> None:
    """Post what banks have moved for instructions, in the caller's transaction."""
    await _post_instructions(work, statement_rows(work))


async def _read_lines(work: SettlementWork, statements: pl.DataFrame) -> StatementLines:
    """Everything that is read of the banks' lines, by the instructions and answers under the same lock.

    An entry that books a whole message belongs to its instructions, also where an answer says so later.
    """
    instructions = [item.instruction for item in await read_instructions(work.connection)]
    records = await _bank_records(work, statements)
    divided = whole_message_entries(instructions, records)
    lines = without_entries(statement_lines(statements), work.setting.registry.debtor.statement, divided)
    names = {instruction.end_to_end_id for instruction in instructions}
    unexplained = unexplained_lines(statements, lines, work.setting.layouts, names)
    return StatementLines(frozenset(lines["key"]), unexplained, await narratives_of(work, unexplained))


async def _bank_records(work: SettlementWork, statements: pl.DataFrame) -> BankRecords:
    bank = work.setting.registry.debtor.statement
    linked = await linked_statements(work.connection, bank)
    return BankRecords(
        await read_answers(work.connection),
        (*statements_of(statements, bank), *linked),
        StatementSide.DEBTOR,
        work.run.night,
        await ids_by_message(work.connection),
    )


async def _post_instructions(
    work: SettlementWork, statements: pl.DataFrame
) -> tuple[tuple[InstructionStep, ...], tuple[InstructionOutcome, ...], tuple[BankAnswer, ...]]:
    connection = work.connection
    issued = {
        issued_instruction.instruction.end_to_end_id: issued_instruction
        for issued_instruction in await read_instructions(connection)
    }
    records = await _bank_records(work, statements)
    instructions = [issued_instruction.instruction for issued_instruction in issued.values()]
    matched = match_instructions(instructions, records)
    known = await read_steps(connection)
    own = statements_of(statements, work.setting.registry.debtor.statement)
    new_steps = _new_steps(
        issued,
        _in_turn(matched.outcomes, known, returned_ids(instructions, own)),
        known=known,
        carried=await carried_ids(connection),
        balances=await work.setting.finance.books.balances(connection),
    )
    await write_new_steps(work, new_steps)
    await raise_contradiction_alarms(connection, work.setting.finance.alarms, new_steps)
    return tuple(new.step for new in new_steps), matched.outcomes, matched.answers


def _new_steps(
    issued: Mapping[str, IssuedInstruction],
    outcomes: Iterable[InstructionOutcome],
    *,
    known: Mapping[str, InstructionStep],
    carried: Collection[str],
    balances: Mapping[str, int],
) -> list[NewStep]:
    """The steps that are new. Of one account one rejection is taken back at a time, by its balance of now."""
    new_steps: list[NewStep] = []
    newest = dict(known)
    reinstated: set[str] = set()
    for outcome in outcomes:
        name = outcome.instruction.end_to_end_id
        account = issued[name].ledger_account
        is_free = name not in carried and account not in reinstated
        before = newest.get(name, initial_step(name))
        step = next_step(before, outcome, may_reinstate=is_free and may_reinstate(issued[name], balances))
        if step is None:
            continue
        new_steps.append(NewStep(issued[name], step, before))
        newest[name] = step
        if before.is_owed_again and not step.is_owed_again:
            reinstated.add(account)
    return new_steps


def _in_turn(
    outcomes: Iterable[InstructionOutcome], known: Mapping[str, InstructionStep], returned: Collection[str]
) -> Iterator[InstructionOutcome]:
    """The outcomes; a debit that one run reads together with its return is one by itself before it.

    Without that the steps would not have what the bank has done, and no night could expect both lines.
    """
    for outcome in outcomes:
        instruction = outcome.instruction
        before = known.get(instruction.end_to_end_id, initial_step(instruction.end_to_end_id))
        is_over = outcome.moved_amount == 0 and instruction.end_to_end_id in returned
        if is_over and before.is_unmoved:
            yield replace(outcome, ending=Ending.SETTLED, moved_amount=instruction.amount)
        yield outcome


async def _post_credits(
    work: SettlementWork, batches: Sequence[PayoutBatch]
) -> tuple[tuple[PayoutCredit, ...], tuple[PayoutCredit, ...]]:
    known = await read_credits(work.connection)
    lines = await read_agreed(work.connection)
    rounded = rounded_by_file(work.setting.rows.all_rows(work.run, COLUMNS))
    booked = tuple(credits_of(batches, lines, work.setting.cycles, rounded))
    keys = {credit.batch.key for credit in booked}
    credits_now = (*booked, *(withdrawn_credit(item) for key, (_, item) in known.items() if key not in keys))
    new, entries = [], []
    for credit in credits_now:
        revision, before = known.get(credit.batch.key, (0, None))
        if credit == before:
            continue
        entry = of_credit(credit, revision + 1, before)
        new.append((revision + 1, credit, entry.id if entry else None))
        entries.extend([] if entry is None else [entry])
    await write_credits(work.connection, work.run.id, new)
    await work.setting.finance.books.post(work.connection, entries)
    return tuple(credit for _, credit, _ in new), credits_now


async def linked_statements(connection: Connection, bank: str) -> tuple[AccountStatement, ...]:
    """Parts of unidentified lines that two persons have linked to instructions, as one further statement."""
    parts = [part for part in await linked_parts(connection) if part["bank"] == bank]
    entries = tuple(
        StatementEntry(
            place, part["day"], part["day"], part["amount"], CURRENCY,
            part["target"].removeprefix(f"{INSTRUCTION}:"), "", "", is_reversal=False,
        )
        for place, part in enumerate(parts, start=1)
    )  # fmt: skip
    return (AccountStatement("linked lines", bank, None, None, None, entries),) if entries else ()


def statements_of(rows: pl.DataFrame, bank: str) -> tuple[AccountStatement, ...]:
    """The bookings of one bank, from the rows of its statements, one statement for each file."""
    bank_rows = rows.filter((pl.col("institution") == bank) & (pl.col("source") == FILE))
    columns = ("origin", "ordinal", "business_date", "net", "currency", "ours", "theirs")
    entries_by_file: dict[str, list[StatementEntry]] = {}
    for origin, ordinal, day, net, currency, ours, theirs in (
        bank_rows.select(columns).sort("origin", "ordinal").iter_rows()
    ):
        entry = StatementEntry(ordinal, day, day, net, currency, ours, theirs, "", is_reversal=False)
        entries_by_file.setdefault(origin, []).append(entry)
    return tuple(
        AccountStatement(origin, bank, None, None, None, tuple(entries))
        for origin, entries in entries_by_file.items()
    )
