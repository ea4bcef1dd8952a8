"""Two processes of two committers upon the same partners, bills, references and lanes."""

import asyncio
import multiprocessing
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from ekpay_switch.domain.bill import Quote
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.group_commit.steps import SaveQuote
from tests.persistence.books import Books
from tests.persistence.conftest import open_books
from tests.persistence.group_commit.load_from_many_clients import Order, Told, hammer

PARTNERS, LANES, BILLS, QUOTES_PER_BILL = 6, 4, 900, 3
PREFUND = 6_000 * 300
LEFT = """
SELECT p.partner_id, a.balance, sum(p.amount + p.charge + p.fee + p.vat)
  FILTER (WHERE p.state IN ('completed', 'delivering'))::bigint AS spent
FROM payments AS p JOIN accounts AS a ON a.code = 'prefund:' || p.partner_id || ':postpaid'
GROUP BY p.partner_id, a.balance
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def _orders(books: Books) -> list[Order]:
    """Each bill is quoted to several partners of several lanes; partner 0 can pay for a few only."""
    for number in range(PARTNERS):
        await books.partner(f"bank{number}", number % LANES, prefund=PREFUND if number else 6_000 * 10)
    template = await books.quote("bank1", lane=1)
    orders = []
    for bill in range(BILLS):
        for number in range(QUOTES_PER_BILL):
            partner = (bill + number) % PARTNERS
            name = f"H{bill}-{number}"
            orders.append(Order(_quote_like(template, name, partner, bill), name, partner % LANES))
    await asyncio.gather(*(books.submit(SaveQuote(order.quote, order.lane)) for order in orders))
    return orders


def _quote_like(template: Quote, name: str, partner: int, bill: int) -> Quote:
    named = replace(template.bill, bill_key=f"{bill:012d}", bill_number=f"{bill:012d}")
    return replace(template, quote_id=name, partner_id=f"bank{partner}", bill=named)


def _each_reference_has_one_truth(told: list[Told]) -> None:
    by_reference: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        by_reference[one.reference].append(one)
    for reference, some in by_reference.items():
        verdicts = sorted(one.verdict for one in some)
        assert verdicts[0] in {"RefusedClaim", "RepeatedClaim"}, reference
        assert verdicts.count("StartedClaim") + verdicts.count("RefusedClaim") == 1, (reference, verdicts)
        assert set(verdicts) <= {"StartedClaim", "RefusedClaim", "RepeatedClaim"}, (reference, verdicts)
        assert len({one.payment_id for one in some}) == 1, reference


async def test_two_processes_hammer_the_same_books_and_every_taka_is_explained(place: Endpoint) -> None:
    async with open_books(place) as books:
        orders = await _orders(books)
        spawn = multiprocessing.get_context("spawn")
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(2, mp_context=spawn) as processes:
            (told, steps), (told_there, steps_there) = await asyncio.gather(
                *(loop.run_in_executor(processes, hammer, place, orders, seed) for seed in (1, 2))
            )

        assert steps + steps_there + len(orders) > 19_000
        _each_reference_has_one_truth(told + told_there)
        assert await books.count("payments") == len(orders)
        reasons = {row[0] for row in await books.rows("SELECT DISTINCT refusal FROM payments")}
        assert {"bill_taken", "prefund_too_low", "biller_refused"} <= reasons
        for partner_id, balance, spent in await books.rows(LEFT):
            prefund = 6_000 * 10 if partner_id == "bank0" else PREFUND
            assert balance == prefund - (spent or 0), partner_id
        assert await books.audit() is None
        assert await books.value(DEADLOCKS) == 0
