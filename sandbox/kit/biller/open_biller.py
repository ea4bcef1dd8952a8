"""One biller institution while its family is served."""

from dataclasses import dataclass

from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.faults import BillerFaultTable
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.payment_intake import PaymentIntake


@dataclass(frozen=True, slots=True)
class OpenBiller:
    """An institution with its accounts, its payment intake, and the faults that are set for it."""

    institution: BillerInstitution
    accounts: BillerAccounts
    intake: PaymentIntake
    faults: BillerFaultTable
