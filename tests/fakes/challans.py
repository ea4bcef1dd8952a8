"""Challan requests in memory, and a treasury that takes what is stated: the ports of `ports.challans`."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from ekpay_switch.domain.bill import AmountRefused, Bill, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.challans import (
    BILLER,
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    Credit,
    LineEnd,
    Spendable,
    StoredChallan,
    StoredLine,
    TreasuryHead,
    challan_prefund,
    end_of,
    refuse_challan,
)
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.ledger.posting_rules import set_aside_for_challan_entry
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import RECEIPT, receipts_of
from ekpay_switch.ports.billers import Parameter
from ekpay_switch.ports.challans import ChallanPorts, ChallanUser
from tests.fakes.billers import PROFILE, Deed, FakeBiller
from tests.fakes.crash_points import Steps
from tests.fakes.payments import FakePayments
from tests.fakes.world import FIVE_TAKA, NOON, FakeClock, SmallWorld

FEE, VAT, STRANGE = "1-4331-0000-2043", "1-1133-0035-0311", "9-9999-9999-9999"
ACCOUNTS = {FEE: TreasuryHead("1422199", "1090101100001"), VAT: TreasuryHead("1141101", "1090101100001")}
PAYABLE, PREFUND = "payable:merchant:shop", challan_prefund("shop")
CREDITED = 100_000
DEAREST = Money(5_000_000)
_PATTERNS = {
    "bin": "^[0-9]{9}-?[0-9]{4}$",
    "economic_code": "^[0-9]{7}$",
    "organization_code": "^[0-9]{13}$",
    "amount": r"^[1-9][0-9]{0,9}(\.[0-9]{1,2})?$",
    "mobile": "^01[3-9][0-9]{8}$",
}
PARAMETERS = tuple(
    Parameter(name, f"x_{name}", name, name, pattern, "", "C", is_required=True, names_payer=name == "mobile")
    for name, pattern in _PATTERNS.items()
)
TREASURY = replace(
    PROFILE, id=BILLER, ekpay_id="b9061", category="tax", parameters=PARAMETERS, takes_bill_once=False,
    has_scroll=False,
)  # fmt: skip


@dataclass
class FakeTreasury(FakeBiller):
    """Takes any amount up to a bound, each time as a bill of its own."""

    taken: int = 0

    async def fetch(self, query: BillQuery) -> FetchReply:
        if self.replies:
            return self.replies.popleft()
        amount = parse_taka(query.parameters["amount"])
        if amount > DEAREST:
            return AmountRefused()
        self.taken += 1
        key = f"stated {self.taken}"
        return BillFound(Bill(key, key, "", amount, ZERO, ZERO, amount, biller_quote=dict(query.parameters)))


def gives(challan_no: str) -> Deed:
    """The treasury takes a payment and gives this challan."""
    return Deed(Approved({"receipt": challan_no}), posts=True)


@dataclass
class FakeChallans:
    """The requests; `named` are the payments that a merchant may spend, by what names each."""

    clock: FakeClock
    steps: Steps
    books: FakePayments
    named: dict[str, tuple[UUID, Spendable]] = field(default_factory=dict)
    requests: dict[tuple[str, str], StoredChallan] = field(default_factory=dict)
    paid_by: dict[UUID, UUID] = field(default_factory=dict)
    next_action_at: dict[UUID, object] = field(default_factory=dict)
    owed: Counter[str] = field(default_factory=Counter)

    async def by_request(self, partner_id: str, request_id: str) -> StoredChallan | None:
        with self.steps.step("by_request"):
            return self._standing(partner_id, request_id)

    async def set_aside(
        self,
        order: ChallanOrder,
        challan_id: UUID,
        lines: Sequence[ChallanLine],
        connectors: Collection[str],
        hold_seconds: float,
    ) -> StoredChallan | ChallanRefusal:
        assert "bkash" in connectors
        with self.steps.step("set_aside"):
            standing = self._standing(order.partner_id, order.request_id)
            if standing is not None:
                return standing
            if order.pay_trxid not in self.named:
                return ChallanRefusal.UNKNOWN_PAYMENT
            payment_id, seen = self.named[order.pay_trxid]
            raised, owed = Money(self._raised(payment_id)), Money(self.owed[order.partner_id])
            refusal = refuse_challan(order.total, replace(seen, raised=raised, payable=owed))
            if refusal is not None:
                return refusal
            standing = _new(order, challan_id, lines)
            self.requests[order.partner_id, order.request_id] = standing
            self.paid_by[challan_id] = payment_id
            self.next_action_at[challan_id] = self.clock.now() + timedelta(seconds=hold_seconds)
            self._move(order.partner_id, order.total, is_back=False)
            return standing

    async def end_line(self, challan: StoredChallan, line: ChallanLine) -> LineEnd | None:
        with self.steps.step("end_line"):
            standing = self._standing(challan.partner_id, challan.request_id)
            assert standing is not None
            known = standing.lines[line.seq - 1]
            end = known.end or end_of(known.state)
            if known.end is None and end is not None:
                lines = tuple(replace(one, end=end) if one is known else one for one in standing.lines)
                self.requests[challan.partner_id, challan.request_id] = replace(standing, lines=lines)
                if end is LineEnd.MOVED_BACK:
                    self._move(challan.partner_id, line.amount, is_back=True)
            return end

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredChallan]:
        with self.steps.step("lease_challans"):
            now = self.clock.now()
            due = [
                standing
                for partner_id, request_id in self.requests
                if (standing := self._standing(partner_id, request_id)) is not None
                and standing.open_lines
                and self.next_action_at[standing.challan_id] <= now  # type: ignore[operator]
            ][:limit]
            for standing in due:
                self.next_action_at[standing.challan_id] = now + timedelta(seconds=lease_seconds)
            return due

    def _standing(self, partner_id: str, request_id: str) -> StoredChallan | None:
        kept = self.requests.get((partner_id, request_id))
        return None if kept is None else replace(kept, lines=tuple(self._line(one) for one in kept.lines))

    def _line(self, kept: StoredLine) -> StoredLine:
        payments = (p.standing for p in self.books.payments.values())
        payment = next((one for one in payments if one.reference == kept.line.reference), None)
        if payment is None:
            return kept
        receipts = receipts_of(payment.facts) if payment.state is State.COMPLETED else {}
        return replace(
            kept, state=payment.state, refusal=payment.refusal, challan_no=receipts.get(RECEIPT, "")
        )

    def _raised(self, payment_id: UUID) -> int:
        against = [one for one in self.requests.values() if self.paid_by[one.challan_id] == payment_id]
        lines = (line for one in against for line in one.lines if line.end is not LineEnd.MOVED_BACK)
        return sum(line.line.amount.minor for line in lines)

    def _move(self, partner_id: str, amount: Money, *, is_back: bool) -> None:
        entry = set_aside_for_challan_entry(partner_id, challan_prefund(partner_id), amount)
        self.books.entries.append((None, entry.reversal() if is_back else entry))
        self.owed[partner_id] += amount.minor if is_back else -amount.minor


@dataclass
class FakeChallanUsers:
    """Who may raise challans."""

    known: dict[str, ChallanUser] = field(default_factory=dict)

    def add(self, user: ChallanUser) -> None:
        self.known[user.partner_id] = user

    async def by_username(self, username: str) -> ChallanUser | None:
        return next((user for user in self.known.values() if user.username == username), None)

    async def by_partner(self, partner_id: str) -> ChallanUser | None:
        return self.known.get(partner_id)


class Scene:
    """A shop that is owed a paid order, and the treasury."""

    def __init__(self) -> None:
        self.small = SmallWorld()
        self.treasury = FakeTreasury(self.small.clock, self.small.steps, TREASURY)
        self.small.billers.known = [self.treasury]
        free = FeeTable("test", (replace(FIVE_TAKA, fixed=0),))
        self.world = replace(self.small.world, fees=free)
        self.challans = FakeChallans(self.small.clock, self.small.steps, self.small.books)
        self.office = ChallanPorts(self.world, self.challans, ACCOUNTS)
        self.order_paid("T1", 1, CREDITED)

    def order_paid(self, name: str, number: int, minor: int, state: State = State.COMPLETED) -> None:
        """An order of the shop that this names, and what it credited."""
        self.challans.named[name] = (UUID(int=number), Spendable(state, Money(minor), ZERO, ZERO))
        if state is State.COMPLETED:
            self.challans.owed["shop"] += minor

    def balances(self) -> tuple[int, int, int, int]:
        """What is in the prefund, in flight, owed to the treasury, and moved on the shop's account."""
        accounts = (PREFUND, "in_flight", f"payable:{BILLER}", PAYABLE)
        moved = tuple(self.small.books.balance(account) for account in accounts)
        return moved[0], moved[1], moved[2], moved[3]

    def standing(self, request_id: str = "R1") -> StoredChallan:
        kept = self.challans._standing("shop", request_id)  # noqa: SLF001 - what a test looks at
        assert kept is not None
        return kept


def an_order(request_id: str = "R1", *amounts: int, pay_trxid: str = "T1") -> ChallanOrder:
    """What the shop asks for: fee and VAT unless amounts are given, one line each."""
    parts = amounts or (50_000, 7_500)
    credits_ = tuple(
        Credit(str(number), account, Money(part))
        for number, (part, account) in enumerate(zip(parts, (FEE, VAT, FEE, VAT), strict=False), 1)
    )
    return ChallanOrder(
        partner_id="shop",
        lane=0,
        request_id=request_id,
        fingerprint=repr((parts, pay_trxid)).encode(),
        pay_trxid=pay_trxid,
        tran_date=date(2026, 3, 1),
        total=Money(sum(parts)),
        credits=credits_,
        written={"REF_NO": "REF", "PAY_TRXID": pay_trxid, "APPLICANT_NAME": "Rahela Khatun"},
        payer={"bin": "001234560-0001", "mobile": "01712345678"},
    )


def _new(order: ChallanOrder, challan_id: UUID, lines: Sequence[ChallanLine]) -> StoredChallan:
    return StoredChallan(
        challan_id=challan_id,
        partner_id=order.partner_id,
        lane=order.lane,
        request_id=order.request_id,
        fingerprint=order.fingerprint,
        tran_date=order.tran_date,
        total=order.total,
        written=order.written,
        payer=order.payer,
        created_at=NOON,
        lines=tuple(StoredLine(line) for line in lines),
    )
