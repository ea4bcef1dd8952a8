"""What the desks tell of their books is what moved, and nothing else."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sandbox.billers.breb.institution as breb
import sandbox.billers.desco.institution as desco
import sandbox.billers.nesco.institution as nesco
import sandbox.providers.bkash.institution as bkash
from sandbox.billers.breb.book import BrebPayment
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.desco.book import DescoPayment
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.nesco.book import NescoQuote, NescoVend
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import FarSide
from sandbox.kit.institution.movements import MovementKind
from sandbox.kit.provider.book import Decision
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder, ProviderRefund, RefundState
from sandbox.kit.provider.payer_numbers import normal_numbers
from sandbox.kit.provider.provider import Provider
from sandbox.providers.bkash.book import Execution
from sandbox.providers.bkash.payment import BkashPayment, BkashRefund
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.iso8583.book import REQUEST_IDENTITY, FinancialRequest, HostBook
from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.day.institutions import book_sources
from sandbox.rehearsals.day.movement_queries import DayBook, read_book
from tests.sandbox.caller import NOON, SetClock

OURS = "AGRBLY7QFF2YJG5IJDQBQ4JRKM"
PAISA = 50_000
HOUSES = sorted(book_sources())
COUNTED = [one for one in HOUSES if book_sources()[one].name in BILLER_FAMILIES]
COLLECTING = [
    one
    for one in HOUSES
    if book_sources()[one].name in PROVIDER_FAMILIES
    and book_sources()[one].name is not InstitutionName.ISO8583
]
HOSTS = [one for one in HOUSES if book_sources()[one].name is InstitutionName.ISO8583]


def told(far_side: FarSide, house: str = "", since: str = "2026-03-01") -> DayBook | None:
    query = {"since": since} | ({"house": house} if house else {})
    answer: Any = far_side.admin_api().queries()["movements"](query)
    # As the wire brings it: dates are texts there.
    return read_book({**answer, "first": None if answer["first"] is None else answer["first"].isoformat()})


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.mark.parametrize("house", COUNTED)
def test_a_counter_tells_what_was_paid_and_what_was_taken_back(
    house: str, tmp_path: Path, clock: SetClock
) -> None:
    family = BILLER_FAMILIES[book_sources()[house].name]
    with closing(family.open(BillerSettings(home=tmp_path), Clock(clock.now))) as far_side:
        assert told(far_side, house) is None
        intake = far_side.billers[house].intake
        bill = intake.unpaid_bills_of(next(far_side.billers[house].accounts.normal_numbers()))[0]
        facts = {"channel": "API", "collector_txn_id": "C1"}
        verdict = intake.pay(_order(bill, facts))
        payment = far_side.book.payment(house, OURS)
        assert payment is not None, verdict
        book = told(far_side, house)
        assert book is not None
        [paid] = book.movements
        assert (paid.our_reference, paid.kind, paid.gross_paisa) == (
            OURS,
            MovementKind.PAYMENT,
            payment.amount_paisa,
        )
        assert (paid.their_reference, paid.is_success, paid.is_plain) == (payment.receipt, True, True)
        clock.advance(minutes=5)
        intake.cancel(OURS)
        assert told(far_side, house, "2026-03-11") == DayBook(book.first, ())
        again = told(far_side, house)
        assert again is not None
        assert [(one.kind, one.gross_paisa) for one in again.movements] == [
            (MovementKind.PAYMENT, payment.amount_paisa),
            (MovementKind.REVERSAL, -payment.amount_paisa),
        ]


def _order(bill: Any, facts: dict[str, str]) -> Any:  # noqa: ANN401 - whatever the kit calls it
    from sandbox.kit.biller.payment_intake import PaymentOrder as CounterOrder  # noqa: PLC0415

    return CounterOrder(
        OURS, bill.base_paisa, bill.number, bill.bill_number, bill.choice or None, facts=facts
    )


def decided(provider: Provider, reference: str, state: OrderState, fee_paisa: int = 0) -> ProviderOrder:
    """An order of a normal payer, ended by its book alone."""
    order = provider.open(NewOrder(reference, PAISA, facts={"asked_as": reference, "prefix": "sp"}))
    assert isinstance(order, ProviderOrder)
    now = provider.clock.now()
    provider.book.record_agreement(order, next(normal_numbers(provider.institution.kind, 1)), now)
    provider.book.record_decided(order, Decision(state, now, f"T{reference}", fee_paisa))
    return order


@pytest.mark.parametrize("house", COLLECTING)
def test_a_provider_tells_what_was_paid_declined_and_given_back(
    house: str, tmp_path: Path, clock: SetClock
) -> None:
    family = PROVIDER_FAMILIES[book_sources()[house].name]
    with closing(family.open(family.settings_type(home=tmp_path), Clock(clock.now))) as far_side:
        assert told(far_side, house) is None
        provider = far_side.providers[house]
        order = decided(provider, OURS, OrderState.PAID, 750)
        decided(provider, f"{OURS[:-1]}2", OrderState.DECLINED)
        decided(provider, f"{OURS[:-1]}3", OrderState.CANCELLED)
        book = told(far_side, house)
        assert book is not None
        paid, failed = book.movements
        assert (paid.our_reference, paid.their_reference, paid.gross_paisa) == (OURS, f"T{OURS}", PAISA)
        assert (paid.fee_paisa, paid.is_success, paid.is_plain) == (750, True, True)
        assert (failed.our_reference, failed.is_success, failed.fee_paisa) == (f"{OURS[:-1]}2", False, 0)
        now = clock.now().isoformat()
        for name, state in (("R1", RefundState.DONE), ("R2", RefundState.FAILED)):
            provider.book.record_refund(order, ProviderRefund(name, name, 20_000, now, state, done_at=now))
        again = told(far_side, house)
        assert again is not None
        back = [one for one in again.movements if one.kind is MovementKind.REFUND]
        assert [(one.our_reference, one.their_reference, one.original, one.gross_paisa) for one in back] == [
            (OURS, "R1", f"T{OURS}", -20_000)
        ]
        assert [one.is_plain for one in again.movements if one.our_reference == OURS] == [False, True]


@pytest.mark.parametrize("house", HOSTS)
def test_a_host_tells_what_was_posted_under_the_rrn(house: str, tmp_path: Path, clock: SetClock) -> None:
    family = PROVIDER_FAMILIES[InstitutionName.ISO8583]
    with closing(family.open(family.settings_type(home=tmp_path), Clock(clock.now))) as far_side:
        book = far_side.book
        assert isinstance(book, HostBook)
        provider = far_side.providers[house]
        for number, is_posted in enumerate([True, False]):
            reference = f"{OURS[:-1]}{number + 2}"
            order = provider.open(NewOrder(reference, PAISA))
            assert isinstance(order, ProviderOrder)
            identity = f"025000000 {number:06d} 60690600000{number} 0310060000"
            request = FinancialRequest(
                house,
                identity,
                reference,
                PAISA,
                clock.now().isoformat(),
                "2026-03-10",
                "00",
                is_posted,
                "AB12CD",
            )
            decision = Decision(OrderState.PAID, clock.now(), "AB12CD", 250) if is_posted else None
            book.record_request(request, {REQUEST_IDENTITY: identity}, decision)
        told_book = told(far_side, house)
        assert told_book is not None
        [one] = told_book.movements
        assert (one.our_reference, one.their_reference, one.gross_paisa) == ("606906000000", "AB12CD", PAISA)
        assert (one.fee_paisa, one.is_success) == (250, True)


def test_desco_tells_what_was_saved(tmp_path: Path, clock: SetClock) -> None:
    with closing(desco.DescoInstitution.open(DescoSettings(home=tmp_path), Clock(clock.now))) as far_side:
        assert told(far_side) is None
        saved = DescoPayment(
            "022610000000", OURS, "10000000", 7, "2026-03-10", PAISA, 0, 0, 0, NOON.isoformat()
        )
        far_side.book.record_saved(saved)
        book = told(far_side)
        assert book is not None
        [one] = book.movements
        assert (one.our_reference, one.their_reference, one.gross_paisa) == (OURS, "2026031000000007", PAISA)


def test_breb_tells_what_was_acknowledged_with_the_whole_taka(tmp_path: Path, clock: SetClock) -> None:
    with closing(breb.BrebInstitution.open(BrebSettings(home=tmp_path), Clock(clock.now))) as far_side:
        for number, reference in enumerate([OURS, "never acknowledged"]):
            bill = f"2602100301000000{number}"
            far_side.book.record_saved(BrebPayment(bill, bill[4:], reference, 501, 50_012, NOON.isoformat()))
        far_side.book.record_acknowledged(OURS, clock.now())
        book = told(far_side)
        assert book is not None
        [one] = book.movements
        assert (one.our_reference, one.gross_paisa) == (OURS, 50_100)


def test_nesco_tells_what_was_vended_under_its_quote(tmp_path: Path, clock: SetClock) -> None:
    with closing(nesco.NescoInstitution.open(NescoSettings(home=tmp_path), Clock(clock.now))) as far_side:
        quote = "260310120000000001"
        far_side.book.record_quoted(NescoQuote(quote, "10000000", PAISA, NOON))
        assert told(far_side) is None
        far_side.book.record_vended(
            NescoVend(quote, "10000000", PAISA, "26031000000001", [], 1, NOON.isoformat())
        )
        book = told(far_side)
        assert book is not None
        [one] = book.movements
        assert (one.our_reference, one.their_reference, one.gross_paisa) == (quote, "26031000000001", PAISA)


def test_bkash_tells_what_was_executed_and_given_back(tmp_path: Path, clock: SetClock) -> None:
    with closing(bkash.BkashInstitution.open(BkashSettings(home=tmp_path), Clock(clock.now))) as far_side:
        book = far_side.shared.book
        for number in ("1", "2"):
            made = BkashPayment(
                f"P{number}", "hash", f"I{number}", 10_000, "01", "https://m.example", NOON.isoformat()
            )
            book.record_created(made)
        book.record_verified("P1", "01700000000", NOON)
        book.record_executed("P1", Execution("TRX1", NOON, 150))
        book.record_refunded("P1", BkashRefund("RTRX1", 4_000, NOON.isoformat(), "sku", "why"))
        found = told(far_side)
        assert found is not None
        lines = [
            (one.kind, one.our_reference, one.their_reference, one.gross_paisa, one.fee_paisa)
            for one in found.movements
        ]
        assert lines == [
            (MovementKind.PAYMENT, "I1", "TRX1", 10_000, 150),
            (MovementKind.REFUND, "I1", "RTRX1", -4_000, 0),
        ]
