"""Final receipts, such as the dakhila of land tax: made some time after a payment, or on an order."""

from datetime import datetime, timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from sandbox.billers.offices.office import OfficeInstitution
from sandbox.kit.biller.book import BillerBook, BillerPayment
from sandbox.kit.institution.clock import Clock

_FACT = "final_receipt"


class OfficeTimes(BaseSettings):
    """From the environment as `EKPAY_SANDBOX_OFFICES_<NAME>`.

    A final receipt is made `final_receipt_seconds` after the payment, or never by itself.
    """

    model_config = SettingsConfigDict(env_prefix="EKPAY_SANDBOX_OFFICES_", frozen=True)

    final_receipt_seconds: float = Field(default=5.0, ge=0)
    final_receipt_by_itself: bool = True


class FinalReceipts:
    """The final receipts of all offices; once made, a number stays."""

    def __init__(self, book: BillerBook, clock: Clock, times: OfficeTimes) -> None:
        self._book = book
        self._clock = clock
        self._times = times
        self._withheld: set[str] = set()

    def withhold(self, institution_id: str, *, is_withheld: bool) -> None:
        """Let an institution make no final receipt by itself from now on, or make them again."""
        if is_withheld:
            self._withheld.add(institution_id)
        else:
            self._withheld.discard(institution_id)

    def number_of_payment(self, payment: BillerPayment, institution: OfficeInstitution) -> str:
        """Return the number of a payment's final receipt, made now if its time has come; empty for none."""
        if institution.has_final_receipt and _FACT not in payment.facts and self._is_due(payment):
            self._make(payment)
        return payment.facts.get(_FACT, "")

    def make_all(self, institution: OfficeInstitution, reference: str | None) -> int:
        """Make the missing ones of an institution, or that of one transaction; return how many were made."""
        if not institution.has_final_receipt:
            return 0
        missing = [
            payment
            for payment in self._book.payments_of(institution.id)
            if _FACT not in payment.facts and reference in {None, payment.reference}
        ]
        for payment in missing:
            self._make(payment)
        return len(missing)

    def _is_due(self, payment: BillerPayment) -> bool:
        due_at = datetime.fromisoformat(payment.paid_at) + timedelta(
            seconds=self._times.final_receipt_seconds
        )
        is_made = self._times.final_receipt_by_itself and payment.institution_id not in self._withheld
        return is_made and self._clock.now() >= due_at

    def _make(self, payment: BillerPayment) -> None:
        self._book.record_facts(payment.institution_id, payment.reference, {_FACT: f"DK{payment.receipt}"})
