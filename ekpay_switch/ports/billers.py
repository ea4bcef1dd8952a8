"""What flows need of billers, as protocols; a wing of billers implements them, and fakes in tests do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ekpay_switch.domain.amount_bounds import AmountBounds
from ekpay_switch.domain.bill import BillQuery, FetchReply
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.domain.parties.brands import Brand
from ekpay_switch.domain.payments.delivery import BillerTerms, PayOrder
from ekpay_switch.domain.payments.inquiries import SafetyFacts, Timing
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.domain.scrolls.scroll import ScrollTerms


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field that a payer fills in to name a bill, or, where `names_payer`, itself.

    Left empty it is `default`, where there is one. The hints say where a payer finds it, and `on_bill` where
    it is printed on a paper bill; empty where the manifest does not say. One that `is_standing` is the same
    for the next bill of the same customer.
    """

    name: str
    wire_name: str  # the member of the syndicate message that carries it
    label_en: str
    label_bn: str
    pattern: str
    example: str
    group: str
    is_required: bool
    names_payer: bool = False
    is_standing: bool = False
    choices: tuple[tuple[str, str, str], ...] = ()  # value, English label, Bangla label
    bounds: AmountBounds | None = None
    default: str = ""
    hint_en: str = ""
    hint_bn: str = ""
    on_bill: str = ""

    def admits(self, text: str) -> bool:
        """Whether a text matches the pattern, the choices and the bounds of this field."""
        if re.fullmatch(self.pattern, text, re.ASCII) is None:
            return False
        if self.choices and all(text != value for value, _, _ in self.choices):
            return False
        return self.bounds is None or self.bounds.admit(text)


@dataclass(frozen=True, slots=True)
class BillerProfile:
    """What the core must know of a biller; all of it comes from its manifest.

    `steps` are the calls that post one payment, in order; after the first the biller holds it. Where
    `fetch_has_side_effects` a fetch locks the bill, so it is never fetched in bulk or repeatedly. One that
    `pays_from_deposit` is a utility that takes each payment off our deposit there; an alarm is raised below
    what the last `deposit_alarm_days` took. Where `has_unique_receipt` the fact `receipt` of an approval buys
    one service only, and where `receipt_comes_later` the biller is asked for it after the payment.
    `second_route` is the step of the other route to the same biller, where there is one; `scroll` has the
    layout and the number of its files a day. One that `has_bill_files` hands its bills over in files.
    `brand` is how payers see it, None where its manifest does not say. A bill of a citizen's cart may be paid
    up to `stand_in_seconds` later where the biller cannot be reached; 0 where it does not pardon that.
    Nothing is sent to it during its planned `stops`.
    """

    id: str
    ekpay_id: str
    name_en: str
    name_bn: str
    category: str
    bucket: str
    status: str
    parameters: tuple[Parameter, ...]
    takes_bill_once: bool
    has_scroll: bool
    safety: SafetyFacts
    timing: Timing
    inquiries_per_second: float
    steps: tuple[str, ...] = ("pay",)
    fetch_has_side_effects: bool = False
    gives_tokens: bool = False
    fetch_mode: str = "mandatory"
    pays_from_deposit: bool = False
    deposit_alarm_days: float = 0.0
    has_unique_receipt: bool = False
    receipt_comes_later: bool = False
    second_route: str = ""
    url_setting: str = ""
    url_default: str = ""
    scroll: ScrollTerms = ScrollTerms()  # noqa: RUF009 - frozen, so all profiles may share it
    has_bill_files: bool = False
    brand: Brand | None = None
    stand_in_seconds: float = 0.0
    stops: tuple[PlannedStop, ...] = ()

    @property
    def takes_back(self) -> bool:
        """Whether a completed payment may be refunded at this biller's cost without asking it.

        It can be undone, and nothing was handed out that may have been used: no token, and no receipt or
        challan that buys a service.
        """
        return self.safety.can_be_undone and not (self.gives_tokens or self.has_unique_receipt)

    @property
    def terms(self) -> BillerTerms:
        """The settlement terms of this biller, for a delivery."""
        return BillerTerms(
            self.pays_from_deposit,
            self.has_unique_receipt,
            self.receipt_comes_later,
            self.safety.answers_repeats_alike,
        )


class BillerAdapter(Protocol):
    """One biller, in its own protocol.

    Implementations translate and answer. They write no rows, decide no routing and raise nothing for a
    refusal, a timeout or an unreadable answer: those are outcomes (law 4).
    """

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        ...

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask for a bill; moves no money."""
        ...

    async def pay(self, order: PayOrder) -> Outcome:
        """Send one step of one payment, once; it may be repeated only where the biller deduplicates."""
        ...

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Inquire about a payment by our reference; moves no money."""
        ...


@runtime_checkable
class UndoingBillerAdapter(BillerAdapter, Protocol):
    """A biller that takes an accepted payment back on our call, for some time."""

    async def undo(self, order: PayOrder) -> Outcome:
        """Void an accepted payment. Approved: it is void, by this call or an earlier one."""
        ...


class Billers(Protocol):
    """All billers that this switch can pay."""

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        """The biller that partners call `b025`, or None."""
        ...

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        """The biller by our own id, or None."""
        ...

    def all(self) -> Sequence[BillerAdapter]:
        """Every biller, by id."""
        ...
