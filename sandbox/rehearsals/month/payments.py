"""Draws payments: connector or prefund, biller or merchant, and amount."""

from dataclasses import dataclass
from random import Random

from sandbox.rehearsals.month.files.month_output import MonthPayment
from sandbox.rehearsals.month.model.days import DAY_MS, EPOCH_MS
from sandbox.rehearsals.month.model.instants import day_of
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, Leg, MonthInstitution
from sandbox.rehearsals.month.model.references import ReferenceMaker
from sandbox.rehearsals.month.model.rows import MonthRow

_MERCHANT_PERCENT, _PREFUND_PERCENT = 10, 20
"""Percentage of payments to a merchant, without a biller; and from a prefund, without a connector."""
_WHOLE = 100
_TABLE = 4_096
_AMOUNT_MIN, _AMOUNT_MAX = 2_000, 4_990_000
_MEDIAN_LOG, _SPREAD = 11.3, 1.0
_FEES = ((40_000, 500), (150_000, 1_000), (500_000, 1_500))
_FEE_ABOVE = 2_000
_PROMPT_MS, _SLOW_MS = 1_000, 20_000
FUNDS_PERCENT, DELIVERY_PERCENT = _WHOLE - _PREFUND_PERCENT, _WHOLE - _MERCHANT_PERCENT


@dataclass(frozen=True, slots=True)
class PaymentConstraints:
    """What is fixed of a payment; a prompt one is delivered in the instant in which it was paid."""

    institution: MonthInstitution
    gross: int | None = None
    is_prompt: bool = False
    is_alone: bool = False
    """Without the other leg."""


class PaymentMaker:
    """Draws one payment after the other; the legs are successful, as in our books."""

    def __init__(self, random: Random, names: ReferenceMaker) -> None:
        self._random = random
        self._names = names
        self._funds = [institution for institution in FUNDS for _ in range(institution.share)]
        self._delivery = [institution for institution in DELIVERY for _ in range(institution.share)]
        self._amounts = [
            min(max(int(random.lognormvariate(_MEDIAN_LOG, _SPREAD)), _AMOUNT_MIN), _AMOUNT_MAX) // 100 * 100
            for _ in range(_TABLE)
        ]

    def make(self, ms: int, constraints: PaymentConstraints | None = None) -> MonthPayment:
        """Make the payment of an instant."""
        draw = self._random.random() * _WHOLE
        is_funded, is_delivered = draw >= _PREFUND_PERCENT, draw < _WHOLE - _MERCHANT_PERCENT
        funds, delivery = self._random.choice(self._funds), self._random.choice(self._delivery)
        if constraints is not None:
            if constraints.institution.leg is Leg.FUNDS:
                funds, is_funded, is_delivered = (
                    constraints.institution,
                    True,
                    is_delivered and not constraints.is_alone,
                )
            else:
                delivery, is_delivered = constraints.institution, True
        return self._payment(
            ms, funds if is_funded else None, delivery if is_delivered else None, constraints
        )

    def _payment(
        self,
        ms: int,
        funds: MonthInstitution | None,
        delivery: MonthInstitution | None,
        constraints: PaymentConstraints | None,
    ) -> MonthPayment:
        payment_id = self._names.payment_id(ms)
        gross = self._gross() if constraints is None or constraints.gross is None else constraints.gross
        funds_leg = self._leg(payment_id, funds, ms, gross) if funds else None
        if delivery is None:
            return MonthPayment(funds_leg, None)
        is_prompt = constraints is not None and constraints.is_prompt
        delay = 0 if is_prompt else self._random.randrange(_PROMPT_MS, _SLOW_MS)
        end_of_day = EPOCH_MS + (day_of(ms) + 1) * DAY_MS - 1
        billed = gross - _fee_inside(gross) if funds_leg else gross
        return MonthPayment(funds_leg, self._leg(payment_id, delivery, min(ms + delay, end_of_day), billed))

    def _leg(self, payment_id: str, institution: MonthInstitution, ms: int, gross: int) -> MonthRow:
        leg = MonthRow(
            payment_id, institution, self._names.number, self._names.ours(institution, day_of(ms)), ms, gross
        )
        leg.theirs = self._names.theirs(institution)
        return leg

    def _gross(self) -> int:
        bits = self._random.getrandbits(20)
        # Half of them are whole taka.
        return self._amounts[bits & (_TABLE - 1)] + (bits >> 13) % 100 * (bits >> 12 & 1)


def _fee_inside(gross: int) -> int:
    """Return our own fee that is included in what a payer pays."""
    return next((fee for limit, fee in _FEES if gross - fee <= limit), _FEE_ABOVE)
