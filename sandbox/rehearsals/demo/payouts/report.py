"""The report on the payouts of a demo, for people and for programs."""

from collections.abc import Iterator, Mapping

from rich.console import Console

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.day.payout_bank import ODD_FATES, BookedPayout, Fate
from sandbox.rehearsals.demo.payouts.payout_outcome import PayoutOutcome
from sandbox.rehearsals.month.model.days import date_of

_LINES_MAX = 20
_WORDS = {
    Fate.REJECTED: "rejected it; it was instructed again",
    Fate.RETURNED: "paid it and returned it; it was instructed again",
    Fate.LATE: "paid it a business day late",
}


def payouts_json(payouts: PayoutOutcome) -> Mapping[str, object]:
    """The payouts for programs, in paisa; came = paid + held for each payee and for all."""
    return {
        "orders": [
            {
                "value_date": f"{order.value_date}",
                "payees": order.payees,
                "paisa": order.paisa,
                "against": list(order.against),
            }
            for order in payouts.orders
        ],
        **{
            fate.value: [
                {"reference": each.reference, "name": each.name, "paisa": each.paisa}
                for each in payouts.of_fate(fate)
            ]
            for fate in ODD_FATES
        },
        "payees": [
            {
                "payee": line.payee,
                "came_paisa": line.came_paisa,
                "paid_paisa": line.paid_paisa,
                "held_paisa": line.held_paisa,
                "why": line.why,
            }
            for line in payouts.payees
        ],
        "came_paisa": payouts.came_paisa,
        "paid_paisa": payouts.paid_paisa,
        "held_paisa": payouts.held_paisa,
        "bank_paisa": payouts.bank.books_paisa,
        "statement_paisa": payouts.bank.statement_paisa,
        "cover_paisa": payouts.bank.cover_paisa,
        "unidentified_lines": payouts.bank.unidentified,
        "faults": list(payouts.faults),
    }


def show_payouts(payouts: PayoutOutcome, screen: Console) -> None:
    """Print what was instructed, what the bank made of it, what is held and why, and the equation."""
    screen.print("Payouts, instructed by two persons and carried out by the simulated bank:")
    for order in payouts.orders:
        screen.print(f"  {order.value_date}: {order.payees} payees, {lakh(order.paisa)} taka.")
    for reason in dict.fromkeys(reason for order in payouts.orders for reason in order.against):
        screen.print(f"  Overridden by both: {reason}.")
    for text in _odd_lines(payouts):
        screen.print(f"  {text}")
    held = [line for line in payouts.payees if line.held_paisa]
    for line in held[:_LINES_MAX]:
        why = line.why or "nobody knows why"
        screen.print(f"  Held for {line.payee}: {lakh(line.held_paisa)} taka ({why}).")
    if len(held) > _LINES_MAX:
        screen.print(f"  … and {len(held) - _LINES_MAX} more, each with its reason.")
    for fault in payouts.faults[:_LINES_MAX]:
        screen.print(f"UNPROVEN PAYOUT {fault}", style="bold red")
    bank, sign = payouts.bank, "≠" if any(line.difference for line in payouts.payees) else "="
    screen.print(
        f"Came in for {len(payouts.payees)} payees {lakh(payouts.came_paisa)} {sign} left "
        f"{lakh(payouts.paid_paisa)} + held {lakh(payouts.held_paisa)}. At the banks "
        f"{lakh(bank.books_paisa)} by our books, {lakh(bank.statement_paisa)} by their statements; trust "
        f"cover {lakh(bank.cover_paisa)}."
    )


def _odd_lines(payouts: PayoutOutcome) -> Iterator[str]:
    for fate in ODD_FATES:
        for payout in payouts.of_fate(fate):
            yield f"{payout.name}, {lakh(payout.paisa)} taka: the bank {_WORDS[fate]}{_day_text(payout)}."


def _day_text(payout: BookedPayout) -> str:
    day = payout.return_day or payout.debit_day
    return "" if day is None else f" ({date_of(day)})"
