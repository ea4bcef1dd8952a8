"""One vend at an institution: what speaks against it, and what the book keeps of it. It knows no wire."""

from collections.abc import Mapping
from enum import Enum

from sandbox.billers.prepaid.deposits import Deposits
from sandbox.billers.prepaid.quotes import VendQuote
from sandbox.billers.prepaid.token_lines import line_kinds, token_digits
from sandbox.billers.prepaid.utility import PrepaidUtility
from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.clock import Clock

_SEPARATOR = ","


class VendRefusal(Enum):
    """Why an offer is not vended; the value is what the book keeps as the reason."""

    QUOTE_DIED = "quote_died"
    LIMIT_REACHED = "limit"
    DEPOSIT_TOO_LOW = "deposit"


class Vending:
    """Decides about first vends and makes their tokens."""

    def __init__(self, book: BillerBook, deposits: Deposits, clock: Clock, seed: int) -> None:
        self._book = book
        self._deposits = deposits
        self._clock = clock
        self._seed = seed

    def refusal_of(self, biller: OpenBiller, quote: VendQuote, reference: str) -> VendRefusal | None:
        """Return why a first vend of an offer under a reference is refused, and keep that; None if it is not.

        Of the magic accounts, 91xxx have reached their limit and of 99xxx the tariff changes after
        the offer was made.
        """
        why = self._find_refusal(biller, quote, reference)
        if why is not None:
            self._book.record_refused(biller.institution.id, reference, quote.number, why.value)
        return why

    def facts(self, biller: OpenBiller, quote: VendQuote, reference: str) -> Mapping[str, str]:
        """Return what the book keeps of a vend: balance afterwards, kinds of lines, and lines, if any."""
        institution = biller.institution
        assert isinstance(institution, PrepaidUtility), "this family has no other institutions"
        serial = institution.serial_in("{number}", quote.number) or 0
        kinds = line_kinds(institution, serial, is_first=not self._book.is_paid(institution.id, quote.number))
        facts = {"balance": taka(self._deposits.balance(institution.id) - quote.amount_paisa)}
        if not kinds:
            return facts
        lines = token_digits(self._seed, f"{institution.id}/{reference}", len(kinds))
        return {**facts, "token": _SEPARATOR.join(lines), "kinds": _SEPARATOR.join(kinds)}

    def _find_refusal(self, biller: OpenBiller, quote: VendQuote, reference: str) -> VendRefusal | None:
        kind = biller.accounts.kind(quote.number)
        is_used = quote.vended_under not in {"", reference}
        if is_used or kind is BillerAccountKind.AMOUNT_CHANGES or not quote.is_alive(self._clock.now()):
            return VendRefusal.QUOTE_DIED
        if kind is BillerAccountKind.ALREADY_PAID:
            return VendRefusal.LIMIT_REACHED
        if self._deposits.balance(biller.institution.id) < quote.amount_paisa:
            return VendRefusal.DEPOSIT_TOO_LOW
        return None
