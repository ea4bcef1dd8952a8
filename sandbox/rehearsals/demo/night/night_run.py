"""The nights of a demo: files arrive, some with injected errors, and are reconciled until no break is open.

The nights after the day are run as well, without new payments, because later files and later payouts belong
to it. The switch must find exactly the injected errors, and payments in review because a provider contradicts
itself; the day is closed by two persons.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.registry import InstitutionName
from sandbox.rehearsals.day.bank_statements import payout_ends
from sandbox.rehearsals.day.bank_transfers import OWN_BANK, state_folder
from sandbox.rehearsals.day.file_writer import Night, deposit_files
from sandbox.rehearsals.day.injected_errors import InjectedError, InjectionRequest
from sandbox.rehearsals.day.payout_bank import Fate
from sandbox.rehearsals.demo.payouts.payout_desk import PayoutDesk, has_statement
from sandbox.rehearsals.demo.payouts.payout_outcome import PayoutOutcome, payout_outcome
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import Parties, Person, add_staff_member
from sandbox.rehearsals.installation.progress import ProgressSteps
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import business_days_after, date_of, day_number
from sandbox.rehearsals.month.model.institutions import SONALI_ACCOUNT

# Errors of whole files first, while no institution has an error yet.
INJECTION_REQUESTS = tuple(
    InjectionRequest(code)
    for code in (
        Code.CONTROL_TOTAL, Code.FILE_MISSING, Code.FILE_DUPLICATE, Code.LEDGER_ONLY, Code.BILLER_NOT_POSTED,
        Code.BILLER_DOUBLE_POST, Code.FILE_ONLY, Code.DUP_IN_FILE, Code.AMBIGUOUS, Code.AMOUNT,
        Code.FEE_VARIANCE, Code.WE_SUCCESS_THEY_FAILED, Code.ROW_REJECTED,
    )
)  # fmt: skip
"""Errors injected in the night of the last day with payments."""

PAYOUT_INJECTION_REQUESTS = (
    InjectionRequest(Code.SEQUENCE_GAP),
    InjectionRequest(Code.AMOUNT, SONALI_ACCOUNT),
)
"""Errors injected in the night of the next business day, when the first files are paid: also on a statement.

Sequence numbers count from an institution's first file, so a missing number can be injected only now.
"""

# A day can be closed with an open break of these codes, if it has a note.
_NOTED_CODES = frozenset({Code.FILE_MISSING, Code.SEQUENCE_GAP, Code.ROW_REJECTED})
_RESOLUTIONS = {
    Code.CONTROL_TOTAL: ("no_action", "the bank sends it again on the next business day"),
    Code.FEE_VARIANCE: ("accept_fee", "one taka more, agreed by telephone"),
}
"""How two persons resolve some of them, and the reason they give."""

# A break with one of these states keeps the alarm of its institution open.
_STANDING = frozenset({"open", "proposed"})
_CHECKER = "nasrin"
_CODES_MIN = 8
_STATES = ("open", "proposed", "resolved", "closed")
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NightOutcome:
    """The outcome of the `nights`, with `files` files in all, and what was found of the injected errors.

    `explained` are breaks of payments that are rightly in review. `missed` errors were injected and not
    found, `unexplained` breaks have no cause, `waiting` names the breaks that are open at the end, and
    `standing` counts those that nothing has ended, with a cause, by institution.
    """

    nights: Sequence[date]
    files: int
    injected: Sequence[InjectedError]
    explained: Sequence[str]
    missed: Sequence[str]
    unexplained: Sequence[str]
    decided: Sequence[str]
    closed: Sequence[date]
    waiting: Sequence[str]
    standing: Mapping[str, int]
    payouts: PayoutOutcome
    positions: int = 0
    position_sum_paisa: int = 0
    cover_paisa: int = 0
    reports: Sequence[Path] = ()
    seconds: float = 0.0

    @property
    def is_explained(self) -> bool:
        """Whether all injected errors were found, no break is unexplained, and all payouts are proven."""
        is_whole = len({error.code for error in self.injected}) >= _CODES_MIN
        return (
            is_whole
            and not self.missed
            and not self.unexplained
            and self.position_sum_paisa == 0
            and self.payouts.is_proven
        )


@dataclass(frozen=True, slots=True)
class Review:
    """A payment in review, and every reference that an institution may use for it."""

    payment: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Explanations:
    """What explains breaks that nobody injected: reviews, the references of `unpaid` tries, payouts.

    `payouts` says what our bank has done with an instruction, by its reference.
    """

    reviews: Sequence[Review]
    unpaid: frozenset[str]
    payouts: Mapping[str, str] = field(default_factory=dict)

    def of(self, item: _Row) -> str:
        """Why a break is right; empty where nothing explains it."""
        review = next((review for review in self.reviews if item["reference"] in review.names), None)
        if review is not None:
            return f"payment {review.payment} is in review"
        if item["institution"] == OWN_BANK and item["reference"] in self.payouts:
            return f"our bank's order is {self.payouts[item['reference']]}"
        is_answered = item["code"] == "UNKNOWN_OPEN" and item["state"] == "closed"
        if is_answered and item["reference"] in self.unpaid:
            return "its page was open at the cut-off and brought no money"
        return ""


@dataclass(slots=True)
class _Nights:
    """Runs the nights."""

    stage: Stage
    staff: Sequence[Person]
    seed: int
    awaited: Mapping[str, date]
    files: int = 0
    injected: list[InjectedError] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    closed: list[date] = field(default_factory=list)

    @property
    def tool(self) -> EkpayCommand:
        return self.stage.tool

    async def deposit_files(self, night: date, requests: Sequence[InjectionRequest]) -> None:
        """Deposit the files of every institution in the inbox."""
        home_folder = self.stage.setting.home_folder
        inbox = home_folder / "reconciliation" / "inbox"
        state = state_folder(home_folder)
        night_plan = Night(
            night, state, inbox, requests, self.seed, is_strict=False, awaited=self.awaited
        )  # fmt: skip
        deposited = await deposit_files(night_plan, _addresses(self.stage))
        self.files += len(deposited.files)
        self.injected += deposited.injected

    async def run(self, night: date) -> None:
        """Reconcile a night; the exit code, which reports open breaks in most nights, is ignored."""
        await self.tool.read_answer("reconcile", "run", "--night", f"{night}", "--early", "--json")

    async def end(self, night: date, requests: Sequence[InjectionRequest] = ()) -> None:
        """Let the files of a night arrive, with the requested errors, and reconcile it."""
        await self.deposit_files(night, requests)
        await self.run(night)

    async def breaks(self, *states: str) -> list[_Row]:
        """The breaks in these states."""
        options = [word for state in states for word in ("--state", state)]
        breaks: list[_Row] = await self.tool.read("reconcile", "breaks", "--json", *options)
        return breaks

    async def process_open_breaks(self) -> None:
        """Note each break that needs a note, and resolve others: one person requests, another approves."""
        open_breaks = await self.breaks("open")
        tasks = [self._add_note(item) for item in open_breaks if item["code"] in _NOTED_CODES]
        tasks += [self._resolve(item) for item in open_breaks if item["code"] in _RESOLUTIONS]
        await asyncio.gather(*tasks)

    async def close(self, day: date) -> None:
        """Close a day by two persons."""
        maker, checker, *_ = self.staff
        await self.tool.run(
            "reconcile", "close", f"{day}", "--by", maker.name, "--approved-by", checker.name,
            EKPAY_STAFF_PASSPHRASE=maker.passphrase, EKPAY_APPROVER_PASSPHRASE=checker.passphrase,
        )  # fmt: skip
        self.closed.append(day)

    async def _add_note(self, item: _Row) -> None:
        maker, *_ = self.staff
        await self.tool.run(
            "reconcile", "note", item["id"], "asked for by telephone", "--by", maker.name,
            EKPAY_STAFF_PASSPHRASE=maker.passphrase,
        )  # fmt: skip

    async def _resolve(self, item: _Row) -> None:
        maker, *checkers = self.staff
        action, reason = _RESOLUTIONS[Code(item["code"])]
        output = await self.tool.run(
            "reconcile", "resolve", item["id"], "--action", action, "--reason", reason, "--by", maker.name,
            EKPAY_STAFF_PASSPHRASE=maker.passphrase,
        )  # fmt: skip
        # The output starts with the resolution's id, and says how many more persons must approve this amount.
        resolution, checkers_needed = output.split()[1], 2 if "waits for 2 more persons" in output else 1
        for checker in checkers[:checkers_needed]:
            await self.tool.run(
                "reconcile", "approve", resolution, "--by", checker.name,
                EKPAY_APPROVER_PASSPHRASE=checker.passphrase,
            )  # fmt: skip
        self.decided.append(f"{item['code']} of {item['institution']}: {action}, {reason}")


async def run_nights(
    stage: Stage,
    parties: Parties,
    exported: Sequence[_Row],
    steps: ProgressSteps,
    *,
    began_on: date,
    seed: int,
) -> NightOutcome:
    """Run the nights of all days of a demo, and those behind them; `exported` are our payments.

    `began_on` is its first day; `seed` decides where errors are injected.

    Raises:
        CommandFailedError: a command of the switch failed.
        InstitutionUnavailableError: a simulator does not answer.
        MalformedPaymentFileError: the bank cannot read what we instruct.
        NothingToInjectError: the bank has no credit that could be short.
    """
    began_at, ended_on = time.monotonic(), dhaka_day(utc_now())
    # Large amounts need two approvers besides the requester.
    nights = _Nights(
        stage,
        (*parties.staff, await add_staff_member(stage.tool, _CHECKER, parties.staff)),
        seed,
        dict.fromkeys(institutions_of(exported), began_on),
    )
    desk = PayoutDesk(stage, nights.staff[0], nights.staff[1], seed)
    days = _dates(began_on, ended_on)
    for day in days:
        with steps.step(f"ending {day}: statements of every institution, and the night"):
            await nights.end(day, INJECTION_REQUESTS if day == ended_on else ())
            await nights.process_open_breaks()
            await nights.close(day)
    later_nights = _dates(ended_on + timedelta(days=1), date_of(payout_ends(day_number(ended_on))))
    await _end_later_nights(nights, desk, later_nights, steps)
    with steps.step("paying out by two persons, until the bank has nothing of ours left to do"):
        await desk.pay_out(later_nights[-1], nights.end)
    with steps.step("settling, and comparing the breaks found with the injected errors"):
        dates = (*days, *later_nights, *desk.nights)
        return await _night_outcome(nights, desk, dates, exported, began_at)


async def _end_later_nights(
    nights: _Nights, desk: PayoutDesk, later_nights: Sequence[date], steps: ProgressSteps
) -> None:
    """The nights without payments; what their statements have is booked, also what connectors have paid."""
    first_payout = _first_payout(later_nights[0] - timedelta(days=1))
    with steps.step(
        "the nights after it, until all files have arrived and are paid", total=len(later_nights)
    ) as step:
        for night in later_nights:
            await nights.end(night, PAYOUT_INJECTION_REQUESTS if night == first_payout else ())
            if has_statement(night):
                await desk.book_credits()
            step.advance()


async def _night_outcome(
    nights: _Nights, desk: PayoutDesk, dates: Sequence[date], exported: Sequence[_Row], began_at: float
) -> NightOutcome:
    breaks, sheet, (_, cover) = await asyncio.gather(
        nights.breaks(*_STATES),
        nights.tool.read("settle", "positions", "--json"),
        nights.tool.read_answer("settle", "cover", "--json"),
    )
    payouts = await payout_outcome(desk, sheet, cover, breaks, dates[0])
    odd = {each.reference: each.fate for each in payouts.payouts if each.fate != Fate.PAID}
    known = Explanations(tuple(reviews_of(exported)), frozenset(_unpaid_tries(exported)), odd)
    explained, missed, unexplained = _classified_breaks(nights.injected, breaks, known)
    return NightOutcome(
        nights=dates,
        files=nights.files,
        injected=nights.injected,
        explained=explained,
        missed=missed,
        unexplained=unexplained,
        decided=nights.decided,
        closed=nights.closed,
        waiting=[_break_text(item) for item in breaks if item["state"] == "open"],
        standing=Counter(
            item["institution"]
            for item in breaks
            if item["state"] in _STANDING and _break_text(item) not in unexplained
        ),
        payouts=payouts,
        positions=len(sheet["positions"]),
        position_sum_paisa=sheet["sum"],
        cover_paisa=cover["strict"],
        reports=list(_reports(nights.stage)),
        seconds=time.monotonic() - began_at,
    )


def _classified_breaks(
    injected: Iterable[InjectedError], breaks: Iterable[_Row], known: Explanations
) -> tuple[list[str], list[str], list[str]]:
    """Breaks that something else explains, errors that were not found, and unexplained breaks."""
    expected = {
        (item.code.value, item.institution, item.reference, item.night_date.isoformat()) for item in injected
    }
    explained, unexplained = [], []
    for item in breaks:
        key = (item["code"], item["institution"], item["reference"], item["first_seen"])
        if key in expected:
            expected.discard(key)
        elif why := known.of(item):
            explained.append(f"{_break_text(item)} ({why})")
        else:
            unexplained.append(_break_text(item))
    return explained, [" ".join(key) for key in sorted(expected)], unexplained


def _break_text(item: _Row) -> str:
    return f"{item['code']} {item['institution']} {item['reference']}, seen {item['first_seen']}"


def reviews_of(exported: Iterable[_Row]) -> Iterator[Review]:
    """Every payment in review, with all references of its movements."""
    for line in exported:
        if line["state"] == "in_review":
            yield Review(line["id"], frozenset(_names(line)))


def institutions_of(exported: Iterable[_Row]) -> frozenset[str]:
    """Every institution that our payments name: also where nothing has reached it, its file is awaited."""
    names: set[str] = set()
    for line in exported:
        names |= {line["biller_id"], *(item["far_side"] for item in line["attempts"])}
        names |= {item["connector_id"] for item in line["tries"]}
    return frozenset(names - {None})


def _unpaid_tries(exported: Iterable[_Row]) -> Iterator[str]:
    for line in exported:
        yield from (item["reference"] for item in line["tries"] if item["collected"] is None)


def _names(line: _Row) -> Iterator[str]:
    yield line["bill_number"] or line["bill_key"]
    yield from (text for text in (line["facts"].get("payment_id"), line["id"]) if text)
    yield from (item["reference"] for item in line["attempts"])
    for item in line["tries"]:
        # A bank host's reference ends with the RRN.
        yield from (item["provider_transaction"] or "").split("-")[-1:]


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _first_payout(day: date) -> date:
    return date_of(business_days_after(day_number(day), 1))


def _addresses(stage: Stage) -> Mapping[InstitutionName, str]:
    setting = stage.setting
    ports = {**setting.billers, **setting.counters, **setting.gateways, "bkash": setting.wallet.port}
    return {InstitutionName(name): f"http://127.0.0.1:{port}" for name, port in ports.items()}


def _reports(stage: Stage) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from sorted((stage.setting.home_folder / "reconciliation" / "reports").rglob("*.*"))
