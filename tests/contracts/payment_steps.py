"""What partners, billers and the resolver do to payments, over any implementation of the ports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Outcome, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, StartedClaim
from ekpay_switch.domain.payments.delivery import Delivery, Recorded, Recording, plan_outcome, plan_posted
from ekpay_switch.ports.world import LeasedPayment
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.setups import PaymentsSetup
from tests.factories import a_bill, a_quote
from tests.persistence.books import delivery_of

PARTNER, BILLER, OTHER_BILLER = "bank1", "desco_postpaid", "wasa_dhaka"
PREFUND = "prefund:bank1:postpaid"
TOTAL, FEE, BILLED = 6_000, 575, 5_425  # paisa; the fee is 5.00 with 15 % VAT
QUOTE_SECONDS, LEASE_SECONDS, ASK_SECONDS = 900.0, 30.0, 90.0
APPROVED = Approved({"receipt": "R-1"})
REFUSED = Declined("account_closed", "205")
SILENT = InDoubt("no answer in time")
POSTED = Posted("", BILLED, {"receipt": "R-1"})


async def save_quote(
    setup: PaymentsSetup,
    total: int = TOTAL,
    *,
    partner_id: str = PARTNER,
    biller_id: str = BILLER,
    bill: str = "",
    is_paid: bool = False,
) -> Quote:
    """A stored quote that will cost `total`, on a bill of its own unless one is named."""
    number = bill or str(uuid7().int)[-12:]
    quote = replace(
        a_quote(f"Q{uuid7().hex}", a_bill(number, total - FEE, is_paid=is_paid), partner_id=partner_id),
        biller_id=biller_id,
        request_reference=f"F{number}",
        expires_at=setup.now() + timedelta(seconds=QUOTE_SECONDS),
    )
    await setup.payments.save_quote(quote)
    return quote


def claim_of(quote: Quote, reference: str = "") -> Claim:
    """The partner's order to pay the quote."""
    payment_id = uuid7()
    return Claim(
        payment_id=payment_id,
        attempt_id=uuid7(),
        attempt_reference=f"A{payment_id.hex}",
        partner_id=quote.partner_id,
        lane=0,
        reference=reference or f"R{payment_id.hex}",
        fingerprint=quote.quote_id.encode(),
        quote_id=quote.quote_id,
        biller_id=quote.biller_id,
        paid=quote.bill.total,
        stated_total=None,
        stated_fee=None,
        send_seconds=10,
        lease_seconds=LEASE_SECONDS,
        scroll_series=quote.biller_id,
    )


async def claim(setup: PaymentsSetup, total: int = TOTAL, *, bill: str = "") -> ClaimAnswer:
    """The answer to a claim on a new quote."""
    return await setup.payments.claim(claim_of(await save_quote(setup, total, bill=bill)))


async def accept_payment(
    setup: PaymentsSetup, total: int = TOTAL, *, bill: str = "", biller_id: str = BILLER
) -> StartedClaim:
    """A payment that is being delivered."""
    quote = await save_quote(setup, total, bill=bill, biller_id=biller_id)
    answer = await setup.payments.claim(claim_of(quote))
    assert isinstance(answer, StartedClaim), answer
    return answer


def recording(delivery: Delivery, outcome: Outcome, ask_again_seconds: float | None = None) -> Recording:
    plan = plan_outcome(delivery, outcome)
    return Recording(delivery, plan, ask_again_seconds if plan.events else ASK_SECONDS)


async def record(setup: PaymentsSetup, started: StartedClaim, outcome: Outcome) -> Recorded:
    """Write the answer to the first send, under the claim's own epoch."""
    answer = await setup.payments.record(recording(delivery_of(started), outcome))
    assert isinstance(answer, Recorded), answer
    return answer


async def record_under(setup: PaymentsSetup, leased: LeasedPayment, outcome: Outcome) -> Recorded:
    """Write an answer under the epoch of a lease."""
    answer = await setup.payments.record(recording(leased.delivery, outcome))
    assert isinstance(answer, Recorded), answer
    return answer


def late_success(delivery: Delivery) -> Recording:
    """The biller holds a payment that was given back."""
    return Recording(delivery, plan_posted(delivery, State.REFUNDED, POSTED))


async def doubt_payment(setup: PaymentsSetup, *, biller_id: str = BILLER) -> StartedClaim:
    """A payment whose biller did not answer; it is asked about in ASK_SECONDS."""
    started = await accept_payment(setup, biller_id=biller_id)
    await record(setup, started, SILENT)
    return started


async def lease(setup: PaymentsSetup, limit: int = 10) -> Sequence[LeasedPayment]:
    return await setup.payments.lease_due(limit, LEASE_SECONDS)


async def lease_only(setup: PaymentsSetup) -> LeasedPayment:
    (leased,) = await lease(setup)
    return leased


async def lease_doubtful(setup: PaymentsSetup) -> LeasedPayment:
    """A payment in doubt, leased once its question is due."""
    await doubt_payment(setup)
    await setup.pass_by(ASK_SECONDS + 1)
    return await lease_only(setup)


async def lease_twice(setup: PaymentsSetup) -> tuple[LeasedPayment, LeasedPayment]:
    """The same payment under the epoch of a holder that was too slow, and under the current one."""
    stale = await lease_doubtful(setup)
    await setup.pass_by(LEASE_SECONDS + 1)
    return stale, await lease_only(setup)


async def prefund(setup: PaymentsSetup, partner_id: str = PARTNER) -> int:
    """What stands in the partner's postpaid prefund, in paisa."""
    return -(await setup.balances()).get(f"prefund:{partner_id}:postpaid", 0)
