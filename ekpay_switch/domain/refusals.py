"""Why a partner's request was refused: one vocabulary, in the order of checking."""

from enum import StrEnum


class Refusal(StrEnum):
    """A reason for refusal; `api.syndicate.codes` maps each to its ekPay number."""

    MALFORMED = "malformed"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN_BILLER = "unknown_biller"
    NO_SUCH_BILL = "no_such_bill"
    OTHER_CONTENT = "other_content"  # the reference was used for a payment with other content
    QUOTE_EXPIRED = "quote_expired"  # or unknown, or another partner's: the answer does not tell which
    BILL_TAKEN = "bill_taken"  # we pay, or have paid, this bill under another reference
    ALREADY_PAID = "already_paid"  # the biller says so
    AMOUNT_DIFFERS = "amount_differs"
    PREFUND_TOO_LOW = "prefund_too_low"  # it would fall below its floor
    DAILY_LIMIT_REACHED = "daily_limit_reached"  # of the partner, for both its prefunds together
    BILLER_UNAVAILABLE = "biller_unavailable"  # nothing was sent, or it was proven not posted
    BILLER_REFUSED = "biller_refused"
    CANCELLED = "cancelled"  # by its maker, before any money moved
    INSTRUMENT_REFUSED = "instrument_refused"  # and its payer gave up, or had tried often enough


# These refusals burn the reference, so that a late duplicate can never succeed after its sender was refused
# (architecture law 14; ekpay-syndicate-api.md, "Idempotency").
BURNING = frozenset(
    {
        Refusal.QUOTE_EXPIRED,
        Refusal.BILL_TAKEN,
        Refusal.ALREADY_PAID,
        Refusal.AMOUNT_DIFFERS,
        Refusal.PREFUND_TOO_LOW,
        Refusal.DAILY_LIMIT_REACHED,
        Refusal.BILLER_REFUSED,
    }
)
