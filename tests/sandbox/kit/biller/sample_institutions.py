"""Houses for the tests of the kit, and a collector's side of any family that speaks JSON with a bearer."""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.bills import AmountSplitRules, BillerAccountKind, SimulatedBill
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.call_results import PaymentResult
from sandbox.kit.biller.faults import BillerFaultTable
from sandbox.kit.biller.institution import AmountRange, BillerInstitution
from sandbox.kit.biller.payment_intake import PaymentIntake, PaymentOrder
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import AdminCaller, Json, SetClock

OPENED_ON = date(2026, 3, 10)
HOUSE = BillerInstitution(
    id="a_house",
    name="A house",
    family="a_family",
    number="234#####",
    bill_number="{yy}{mm}{number}",
    fields={"customer_no": "{number}", "bill_period": "{yyyy}{mm}"},
    amount=AmountRange(15_000, 900_000),
    lines=AmountSplitRules(vat_bp=500, late_bp=500, stamp_paisa=1_000),
)


def a_house(**changes: Any) -> BillerInstitution:  # noqa: ANN401 - whatever a house is made of
    return replace(HOUSE, **changes)


def a_world(house: BillerInstitution = HOUSE, accounts: int = 200) -> BillerAccounts:
    return BillerAccounts(house, 7, accounts, OPENED_ON)


@dataclass
class Shop:
    """One house whose till a test speaks to, with a book that can be closed and opened again."""

    folder: Path
    house: BillerInstitution = HOUSE
    clock: SetClock = field(default_factory=SetClock)
    faults: BillerFaultTable = field(default_factory=BillerFaultTable)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        clock = Clock(self.clock.now)
        self.book = BillerBook(self.folder / "book.jsonl", 7, clock.today())
        self.accounts = BillerAccounts(self.house, 7, 200, self.book.opened_on)
        self.intake = PaymentIntake(self.accounts, self.book, self.faults, clock)

    def reopen(self) -> None:
        self.book.close()
        self.open()

    def bill(self, kind: BillerAccountKind = BillerAccountKind.NORMAL, nth: int = 0) -> SimulatedBill:
        number = self.accounts.number_of(kind, nth)
        assert number is not None
        return self.accounts.bills_of(number)[0]

    def order(self, bill: SimulatedBill, reference: str = "T1", **changes: Any) -> PaymentOrder:  # noqa: ANN401 - as above
        whole = PaymentOrder(reference, self.intake.outstanding_paisa(bill), bill.number, bill.bill_number)
        return replace(whole, **changes)

    def pay(self, bill: SimulatedBill, reference: str = "T1", **changes: Any) -> PaymentResult:  # noqa: ANN401 - as above
        return self.intake.pay(self.order(bill, reference, **changes))

    def reasons(self) -> list[str]:
        refused = self.book.dump()["refused"]
        assert isinstance(refused, list)
        return [one["reason"] for one in refused]


@dataclass
class CounterCaller(AdminCaller):
    """Whoever collects for the houses of a family; `base` is its base path."""

    base: str
    tokens: dict[str, str] = field(default_factory=dict)

    async def post(self, house: str, path: str, body: object) -> tuple[int, Json]:
        """Make a call with the house's bearer, logging in before the first."""
        if house not in self.tokens and path != "login":
            await self.log_in(house)
        headers = {"Authorization": f"Bearer {self.tokens.get(house, '')}"}
        url = f"{self.origin}{self.base}/{house}/{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    async def ask(self, house: str, path: str, body: object) -> Json:
        """Make a call that must be answered with HTTP 200 and JSON."""
        status, answer = await self.post(house, path, body)
        assert status == 200, answer
        return answer

    async def log_in(self, house: str) -> None:
        answer = await self.ask(house, "login", {"user": "ekpay", "password": "counter-sandbox"})
        self.tokens[house] = answer["token"]

    async def cast(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        return await self.admin("GET", f"cast?house={house}&kind={kind}&nth={nth}")

    async def payments(self) -> list[Json]:
        payments: list[Json] = (await self.admin("GET", "dump"))["payments"]
        return payments

    async def end_of_day(self, house: str, day: str) -> str:
        async with self.session.get(f"{self.origin}/_admin/end_of_day?house={house}&date={day}") as answer:
            assert (answer.status, answer.content_type) == (200, "text/csv")
            return await answer.text()
