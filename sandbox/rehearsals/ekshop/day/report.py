"""The report of a day: tables for people, one JSON object for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.callers.ekshop.orders import Standing
from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.ekshop.day.books import Difference, ShopPayment
from sandbox.rehearsals.ekshop.day.customers import CustomerExperience
from sandbox.rehearsals.ekshop.day.plan import ENDS, CustomerOrder

CLEAN = "clean"
_LINES_MAX = 20


@dataclass(frozen=True, slots=True)
class ShopDayOutcome:
    """The outcome of a day; `refunds` are the number of requested refunds and their amount in paisa.

    `paying_seconds` are those from the first customer to the last, `seconds` all of them.
    """

    seed: int
    seconds: float
    paying_seconds: float
    day: Sequence[CustomerOrder]
    experience: CustomerExperience
    payments: Sequence[ShopPayment]
    refunds: tuple[int, int]
    differences: Sequence[Difference]
    audit: str

    @property
    def is_proven(self) -> bool:
        """Whether both books agree, there was no surprise, and the audit found nothing."""
        return not self.differences and not self.experience.surprises and self.audit == CLEAN

    def standings(self) -> Counter[str]:
        """The number of payments in each state, by the shop's book."""
        return Counter(payment.standing for payment in self.payments)

    def payees(self) -> Mapping[str, int]:
        """The amount of each payee from paid orders, in paisa, before refunds."""
        sums: Counter[str] = Counter()
        for payment in self.payments:
            if payment.standing == Standing.PAID:
                sums.update(payment.shares)
        return sums


def as_json(outcome: ShopDayOutcome) -> dict[str, object]:
    """The outcome for programs; amounts in whole paisa."""
    paid = [item for item in outcome.payments if item.standing == Standing.PAID]
    return {
        "orders": len(outcome.day),
        "payments": len(outcome.payments),
        "standings": dict(outcome.standings()),
        "courses": dict(Counter(order.course.value for order in outcome.day)),
        "paid_paisa": sum(item.amount_paisa for item in paid),
        "shares": sum(len(item.shares) for item in paid),
        "ipns_taken": sum(len(item.ipns) for item in outcome.payments),
        "ipns_turned_away": sum(item.turned_away for item in outcome.payments),
        "refunds": {"count": outcome.refunds[0], "paisa": outcome.refunds[1]},
        "payees": dict(outcome.payees()),
        "shown": {
            f"{expected} and was {stated}": times
            for (expected, stated), times in outcome.experience.pages_shown.items()
        },
        "differences": [f"{item.subject}: {item.problem}" for item in outcome.differences],
        "surprises": outcome.experience.surprises,
        "detours": outcome.experience.detours,
        "audit": outcome.audit,
        "seed": outcome.seed,
        "paying_seconds": round(outcome.paying_seconds, 1),
        "seconds": round(outcome.seconds, 1),
    }


def show(outcome: ShopDayOutcome, screen: Console) -> None:
    """Print the outcome as tables, and every difference as a sentence."""
    screen.print(_course_table(outcome))
    screen.print(_payee_table(outcome))
    accepted = sum(len(item.ipns) for item in outcome.payments)
    turned_away = sum(item.turned_away for item in outcome.payments)
    screen.print(f"IPNs: {accepted:,} taken, each once; {turned_away} were turned away first, on purpose.")
    screen.print(f"Customers chose another instrument {outcome.experience.detours} times, as one was down.")
    visit_count, pages = sum(outcome.experience.pages_shown.values()), outcome.experience.pages_shown
    right = sum(times for (expected, stated), times in pages.items() if expected == stated)
    screen.print(
        f"{visit_count:,} customers came back to the shop; {right:,} found there what had become of it."
    )
    count, paisa = outcome.refunds
    screen.print(f"Refunds: {count}, {taka(paisa)} taka, taken from the same shares.")
    troubles = [
        f"{item.subject}: {item.problem}" for item in outcome.differences
    ] + outcome.experience.surprises
    for line in troubles[:_LINES_MAX]:
        screen.print(f"DIFFERENCE {line}", style="bold red")
    if len(troubles) > _LINES_MAX:
        screen.print(f"… and {len(troubles) - _LINES_MAX} more.")
    verdict, style = ("proven", "bold green") if outcome.is_proven else ("NOT PROVEN", "bold red")
    screen.print(
        f"{len(outcome.day):,} orders in {outcome.paying_seconds:.0f} s; differences: "
        f"{len(outcome.differences)}, surprises: {len(outcome.experience.surprises)}, audit: {outcome.audit}."
    )
    screen.print(f"{verdict} in {outcome.seconds:.0f} s", style=style)


def _course_table(outcome: ShopDayOutcome) -> Table:
    table = _table("Orders of the day")
    for heading in ("course", "ends"):
        table.add_column(heading)
    table.add_column("orders", justify="right")
    table.add_column("payments", justify="right")
    standings = {payment.trnx_id: payment.standing for payment in outcome.payments}
    orders: Counter[str] = Counter(order.course.value for order in outcome.day)
    for course, end in ENDS.items():
        names = [
            name
            for order in outcome.day
            if order.course is course
            for name in outcome.experience.payments.get(order.nth, ())
        ]
        ended = Counter(standings.get(name, "unknown") for name in names)
        text = ", ".join(f"{standing} {times:,}" for standing, times in sorted(ended.items()))
        table.add_row(course.value, end.value, f"{orders[course.value]:,}", text)
    return table


def _payee_table(outcome: ShopDayOutcome) -> Table:
    table = _table("Who has what of the paid orders, in taka")
    table.add_column("payee")
    table.add_column("shares", justify="right")
    table.add_column("taka", justify="right")
    counts: Counter[str] = Counter()
    for payment in outcome.payments:
        if payment.standing == Standing.PAID:
            counts.update(payment.shares.keys())
    for payee, paisa in sorted(outcome.payees().items()):
        table.add_row(payee or "ekshop itself", f"{counts[payee]:,}", taka(paisa))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
