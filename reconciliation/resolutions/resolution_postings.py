"""The accounts that each action on a break moves, as a table. Pure; amounts in signed paisa.

The `gap` of a break is their amount less ours. It is the debit that the institution's account in our books
needs to agree with them: what a connector holds for us grows with what it reports, what we owe a biller (or
have at it) the other way round. Every entry is that account, or where an earlier decision put the money,
against one other; its reverse is the same entry with its signs turned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.money import Money
from reconciliation.breaks.codes import BreakCode
from reconciliation.matching.row_family import InstitutionKind
from reconciliation.resolutions.resolution_actions import ResolutionAction

BANK: Final = "settlement_bank"
# What a partner has with us moves by top-ups and payments alone: no decision about a break touches a prefund.
_PARTNER: Final = "partner_"
_MORE: Final = frozenset(
    {
        BreakCode.FILE_ONLY,
        BreakCode.THEY_SUCCESS_WE_FAILED,
        BreakCode.DUP_IN_FILE,
        BreakCode.DUP_ACROSS_FILES,
        BreakCode.BILLER_DOUBLE_POST,
    }
)
_LESS: Final = frozenset(
    {
        BreakCode.LEDGER_ONLY,
        BreakCode.WE_SUCCESS_THEY_FAILED,
        BreakCode.DUP_IN_LEDGER,
        BreakCode.CURRENCY,
        BreakCode.AMBIGUOUS,
        BreakCode.BILLER_NOT_POSTED,
        BreakCode.REVERSAL_PENDING,
    }
)
_DIFFERENT: Final = frozenset({BreakCode.AMOUNT, BreakCode.FEE_VARIANCE})


class NoEntryError(Exception):
    """The action makes no entry for this break; the message says why."""


@dataclass(frozen=True, slots=True)
class InstitutionSide:
    """An institution as our books know it: what it does for us, and whether we keep money there."""

    institution: str
    kind: InstitutionKind
    has_deposit: bool = False
    # Whose payout a break of our bank's statement is about; empty for any other line.
    payer: str = ""

    @property
    def account(self) -> str:
        """The account that its rows are about.

        Raises:
            NoEntryError: there is none.
        """
        if self.institution.startswith(_PARTNER):
            raise NoEntryError(
                "a partner's money moves by top-ups and payments, not by decisions about breaks"
            )
        match self.kind:
            case "funds":
                return f"receivable:{self.institution}"
            case "delivery":
                return f"{'biller_deposit' if self.has_deposit else 'payable'}:{self.institution}"
            case "statement":
                return f"receivable:{self.payer}" if self.payer else BANK
            case _:
                assert_never(self.kind)

    @property
    def sign(self) -> int:
        """1 where more rows of theirs mean more of our money with them, -1 where they mean more debt."""
        return -1 if self.kind == "delivery" else 1


@dataclass(frozen=True, slots=True)
class MissingPayout:
    """What our bank's statement lacks of a connector's payout; `charge` is what the bank takes off it too."""

    key: str
    connector: str
    amount: int
    charge: int


@dataclass(frozen=True, slots=True)
class BreakAmounts:
    """The amounts of a break in paisa as they were found; `gains` where rounding is in our favour.

    `our_net` and `their_net` are what the rows come to after fees, where they are known: that is what an
    institution settles, and what our account with it holds.
    """

    code: BreakCode
    amount: int
    difference: int
    our_net: int | None = None
    their_net: int | None = None
    gains: bool = False

    @property
    def gap(self) -> int:
        """Their rows less ours in gross, which is the payer's money; 0 where no money is named."""
        if self.code in _MORE:
            return self.amount
        if self.code in _LESS:
            return -self.amount
        if self.code in _DIFFERENT:
            return self.difference
        if self.code is BreakCode.ROUNDING:
            # The break of a file counts rows; only people can say in whose favour they differ.
            return abs(self.difference) if self.gains else -abs(self.difference)
        return 0

    @property
    def net_gap(self) -> int:
        """The gap after fees, as far as the nets are known."""
        if self.code in _MORE and self.their_net is not None:
            return self.their_net
        if self.code in _LESS and self.our_net is not None:
            return -self.our_net
        if self.code in _DIFFERENT and self.our_net is not None and self.their_net is not None:
            return self.their_net - self.our_net
        return self.gap


def entry_of(
    action: ResolutionAction,
    amounts: BreakAmounts,
    side: InstitutionSide,
    payouts: Sequence[MissingPayout] = (),
) -> Entry | None:
    """The entry that an action makes; None where it moves no money. `payouts` are those that a line pays.

    Raises:
        NoEntryError: there is nothing to move, or it cannot be moved so.
    """
    if action in {ResolutionAction.NO_ACTION, ResolutionAction.REPOST} or _moves_nothing(action, side):
        return None
    if action in OF_OUR_BANK or side.payer:
        return _entry_at_our_bank(action, amounts, side, payouts)
    if _is_about_surplus(action, amounts.code):
        amounts = _surplus_of(amounts)
    debit = (amounts.gap if action in _GAINS else amounts.net_gap) * side.sign
    if debit == 0:
        raise NoEntryError("no amount stands apart")
    account, counter_account, moment = _accounts(action, side)
    if debit > 0 and action in _LOSSES:
        raise NoEntryError(f"{action.value} is for a loss, and here they hold more than our books have")
    if debit < 0 and action in _GAINS:
        raise NoEntryError(f"{action.value} is for money that is the payer's, and here money is missing")
    if action is not ResolutionAction.TO_SUSPENSE or side.kind != "funds":
        return Entry(moment, (Posting(account, debit), Posting(counter_account, -debit)))
    # The payer paid the gross; the connector's fee is our cost.
    fee_posting = Posting(f"connector_fee:{side.institution}", amounts.gap - debit)
    return Entry.of(moment, (Posting(account, debit), fee_posting, Posting(counter_account, -amounts.gap)))


# What is said of a line of our own bank alone.
OF_OUR_BANK: Final = frozenset({ResolutionAction.BANK_FEE, ResolutionAction.PAYS_PAYOUTS})
# What fits a payout that is short: settlement has booked what came of it, and the rest is owed.
_OF_A_SHORT_PAYOUT: Final = frozenset(
    {
        ResolutionAction.BANK_FEE,
        ResolutionAction.WRITE_OFF,
        ResolutionAction.CLAIM,
        ResolutionAction.CLAIM_RECEIVED,
        ResolutionAction.CLAIM_WRITTEN_OFF,
    }
)


def _entry_at_our_bank(
    action: ResolutionAction, amounts: BreakAmounts, side: InstitutionSide, payouts: Sequence[MissingPayout]
) -> Entry:
    """The entry about a line of our bank, or about a payout that it should have credited."""
    if side.kind != "statement":
        raise NoEntryError(f"{action.value} is for lines of our own bank's statement")
    if action is ResolutionAction.PAYS_PAYOUTS:
        return _entry_of_payouts(amounts.gap, payouts)
    if side.payer and (amounts.gap >= 0 or action not in _OF_A_SHORT_PAYOUT):
        raise NoEntryError(
            "what came of a payout is booked with it, and what is beyond it stands in "
            f"{suspense_of(side.payer)} once it is settled: take it from there (ekpay decide suspense)"
        )
    if amounts.gap >= 0:
        raise NoEntryError(f"{action.value} is for what the bank has taken, and here money came")
    account, counter_account, moment = _accounts(action, side)
    return Entry(moment, (Posting(account, amounts.gap), Posting(counter_account, -amounts.gap)))


def _entry_of_payouts(gap: int, payouts: Sequence[MissingPayout]) -> Entry:
    """A line pays what payouts lack, and the bank's charge of those of which nothing came is booked too."""
    if gap <= 0:
        raise NoEntryError("pays_payouts is for money that came")
    total = sum(payout.amount for payout in payouts)
    if total != gap:
        raise NoEntryError(f"payout: these lack {Money(total)}, and the line has {Money(gap)}")
    charges = sum(payout.charge for payout in payouts)
    owed = (Posting(f"receivable:{payout.connector}", -payout.amount - payout.charge) for payout in payouts)
    return Entry.of("break_pays_payouts", (Posting(BANK, gap), Posting("bank_charges", charges), *owed))


def _moves_nothing(action: ResolutionAction, side: InstitutionSide) -> bool:
    """A claim on a biller that we have not paid: its demand beyond our books is refused, nothing moves."""
    return action is ResolutionAction.CLAIM and side.account.startswith("payable:")


# The decisions about several rows of one payment that are about the row which our books lack.
_OF_A_SURPLUS: Final = frozenset(
    {
        ResolutionAction.TO_SUSPENSE,
        ResolutionAction.FROM_SUSPENSE_TO_REFUND,
        ResolutionAction.PAY_BACK_BY_HAND,
    }
)


def _is_about_surplus(action: ResolutionAction, code: BreakCode) -> bool:
    return code is BreakCode.AMBIGUOUS and action in _OF_A_SURPLUS


def _surplus_of(amounts: BreakAmounts) -> BreakAmounts:
    """The second of two equal rows, one of which our books have: like a row that they do not know."""
    if amounts.difference != amounts.amount:
        raise NoEntryError("their rows are not two of one amount of which our books have one")
    return replace(amounts, code=BreakCode.FILE_ONLY)


_LOSSES: Final = frozenset(
    {
        ResolutionAction.WRITE_OFF,
        ResolutionAction.CLAIM,
        ResolutionAction.CLAIM_RECEIVED,
        ResolutionAction.CLAIM_WRITTEN_OFF,
    }
)
_GAINS: Final = frozenset({ResolutionAction.FROM_SUSPENSE_TO_REFUND, ResolutionAction.PAY_BACK_BY_HAND})


def _accounts(action: ResolutionAction, side: InstitutionSide) -> tuple[str, str, str]:
    """Which account moves by the gap, which one against it, and the moment."""
    name = side.institution
    suspense, claim, due = suspense_of(name), f"claim:{name}", f"refund_due:{name}"
    rows = {
        ResolutionAction.WRITE_OFF: (side.account, "write_off", "break_written_off"),
        ResolutionAction.ACCEPT_FEE: (side.account, f"connector_fee:{name}", "break_fee_accepted"),
        ResolutionAction.ACCEPT_ROUNDING: (side.account, "rounding", "break_rounding_accepted"),
        ResolutionAction.TO_SUSPENSE: (side.account, suspense, "break_to_suspense"),
        # A debit of suspense takes money out of it; the payer is credited.
        ResolutionAction.FROM_SUSPENSE_TO_REFUND: (suspense, due, "break_owed_back"),
        ResolutionAction.PAY_BACK_BY_HAND: (due, BANK, "break_paid_back_by_hand"),
        ResolutionAction.CLAIM: (side.account, claim, "break_claimed"),
        ResolutionAction.CLAIM_RECEIVED: (claim, BANK, "break_claim_received"),
        ResolutionAction.CLAIM_WRITTEN_OFF: (claim, "write_off", "break_claim_written_off"),
        ResolutionAction.CORRECT_BOOKS: (side.account, suspense, "break_books_corrected"),
        ResolutionAction.BANK_FEE: (side.account, "bank_charges", "break_bank_fee"),
    }
    return rows[action]


def touches_our_bank(action: ResolutionAction) -> bool:
    """Whether an action says that money has really moved at our bank."""
    return action in {ResolutionAction.PAY_BACK_BY_HAND, ResolutionAction.CLAIM_RECEIVED}


def suspense_of(institution: str) -> str:
    """Where money of an institution waits whose owner is not known."""
    return f"suspense:{institution}"


def reversal_after_closing(action: ResolutionAction, institution: str, entry: Entry) -> Entry:
    """The entry by which a rule reverses another one after its break has closed.

    What our bank account has paid or taken in meanwhile cannot be undone by an entry: it stands in suspense,
    to be given back or asked back by people.
    """
    undone = entry.reversal()
    if not touches_our_bank(action):
        return undone
    lines = (
        Posting(suspense_of(institution) if line.account == BANK else line.account, line.amount)
        for line in undone.postings
    )
    return Entry(undone.moment, tuple(lines))


# Codes whose row of theirs stands alone: it is counted, or given up, as a whole.
_THEIRS_ALONE: Final = _MORE
_OURS_ALONE: Final = _LESS - {BreakCode.REVERSAL_PENDING, BreakCode.BILLER_NOT_POSTED}


def settlement_of(action: ResolutionAction, code: BreakCode, entry: Entry | None) -> str:
    """The effect of a decision on the row in settlement: `agreed`, `dropped`, or empty where it stays held.

    An entry makes our books say what their rows say, so what stands on both sides then counts; what stands on
    ours alone was given up by it. Without an entry a surplus row of theirs is given up.
    """
    if entry is None:
        is_given_up = action is not ResolutionAction.REPOST and code in _THEIRS_ALONE
        return "dropped" if is_given_up else ""
    if code is BreakCode.REVERSAL_PENDING:
        return ""
    is_given_up = code in _OURS_ALONE and not _is_about_surplus(action, code)
    return "dropped" if is_given_up else "agreed"
