"""Two persons of finance pay out: they instruct the bank, take its answers in and book its statements.

The simulated bank rejects one order of the first value date, returns one and pays one late; what came back is
instructed again with the next value date, until nothing is under way.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox.rehearsals.day.bank_transfers import state_folder
from sandbox.rehearsals.day.payment_files import read_payment_file
from sandbox.rehearsals.day.payout_bank import PayoutBank, choose_fates
from sandbox.rehearsals.demo.payouts.payee_books import Row
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import Person
from sandbox.rehearsals.month.model.days import business_days_after, date_of, day_number, is_business

_ORDERS_MAX = 4
"""Value dates until everything has left: all, what was rejected, what was returned, and one more."""

_OVERRIDE = "a rehearsal: its errors keep earlier nights open"


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """One order of two persons; `against` is what spoke against it, and they overrode."""

    value_date: date
    payees: int
    paisa: int
    against: Sequence[str]


@dataclass(slots=True)
class PayoutDesk:
    """What two persons instruct and take in; `instructions` are those of the last `settle credits`."""

    stage: Stage
    first: Person
    second: Person
    seed: int
    orders: list[PaidOrder] = field(default_factory=list)
    nights: list[date] = field(default_factory=list)
    instructions: Sequence[Row] = ()

    @property
    def bank(self) -> PayoutBank:
        """The bank that carries the orders out."""
        return PayoutBank(state_folder(self.stage.setting.home_folder))

    async def book_credits(self) -> None:
        """Book what the newest statements have; exit code 1 reports what is short, and is ignored here."""
        _, outcomes = await self.stage.tool.read_answer("settle", "credits", "--json")
        self.instructions = outcomes["instructions"]

    async def pay_out(self, night: date, run_night: Callable[[date], Awaitable[None]]) -> None:
        """Instruct after a night, and run the nights until nothing is under way, at most four value dates.

        Raises:
            CommandFailedError: the switch refused an order or an answer.
            MalformedPaymentFileError: the bank cannot read an order.
        """
        for _ in range(_ORDERS_MAX):
            value_date = date_of(business_days_after(day_number(night), 1))
            await self.instruct(value_date)
            while night < value_date:
                night += timedelta(days=1)
                await run_night(night)
                self.nights.append(night)
            await self.book_credits()
            if not self._is_anything_open():
                return

    def _is_anything_open(self) -> bool:
        """Whether the newest instruction of any payee has not left, or has come back."""
        newest = {item["party"]: item["ending"] for item in sorted(self.instructions, key=_value_date)}
        return any(ending != "settled" for ending in newest.values())

    async def instruct(self, value_date: date) -> None:
        """Order the payouts of a value date, hand the files to the bank and take its answers in."""
        folder = self.stage.setting.home_folder / "to-the-bank"
        issued = await self._act(
            "instruct", "--value-date", f"{value_date}", "--out", f"{folder}", "--override", _OVERRIDE
        )
        self.orders.append(_order_of(value_date, issued))
        contents = [_content(file) for file in issued["files"]]
        orders = [order for content in contents for order in read_payment_file(content).orders]
        # The bank is odd once: what it does with the first orders is enough to see.
        fates = choose_fates(orders, self.seed) if len(self.orders) == 1 else {}
        for number, content in enumerate(contents):
            answer = self.bank.take_in(content, fates).answer
            if answer is not None:
                path = folder / f"answer-{value_date}-{number}.xml"
                path.write_bytes(answer)
                await self._act("answer", f"{path}")

    async def _act(self, *words: str) -> Any:  # noqa: ANN401 - JSON is what it is
        """Act together; exit code 1 reports credits that are short as well, so JSON is the answer."""
        secrets = {
            "EKPAY_STAFF_PASSPHRASE": self.first.passphrase,
            "EKPAY_APPROVER_PASSPHRASE": self.second.passphrase,
        }
        persons = ("--by", self.first.name, "--approved-by", self.second.name)
        _, answer = await self.stage.tool.read_answer("settle", *words, *persons, "--json", **secrets)
        return answer


def _content(file: Row) -> bytes:
    return Path(file["name"]).read_bytes()


def _value_date(instruction: Row) -> str:
    return str(instruction["value_date"])


def has_statement(night: date) -> bool:
    """Whether the banks send statements in a night."""
    return is_business(day_number(night))


def _order_of(value_date: date, issued: Row) -> PaidOrder:
    files, cover = issued["files"], issued["cover"]
    return PaidOrder(
        value_date,
        sum(file["entries"] for file in files),
        sum(file["amount"] for file in files),
        tuple(cover["against"]) if cover else (),
    )
