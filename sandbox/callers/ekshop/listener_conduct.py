"""How the shop handles IPNs: correctly, or like faulty merchants (ekpay-merchant-api.md 2.6 and 3)."""

from enum import StrEnum

from sandbox.kit.institution.faults import ANYBODY, FaultTable


class Conduct(StrEnum):
    """What the shop does with an IPN, and whether it trusts its own return page."""

    HONEST = "honest"
    """Checks the IPN against its own order and accepts it once."""
    TRUSTING = "trusting"
    """Treats every visit of its success page as paid, and ignores IPNs (3.1)."""
    ASKING = "asking"
    """Calls get-status inside the listener before it answers: 403 if the status differs (2.6)."""
    COUNTING = "counting"
    """Counts each IPN that says paid as a further payment (3.3)."""
    SLOW = "slow"
    """Honest, some seconds late."""
    SILENT = "silent"
    """Accepts the connection and never answers; nothing is accepted."""
    HTTP_500 = "http_500"
    """Fails with HTTP 500 before it accepts anything."""
    HTTP_401 = "http_401"
    """Refuses the sender's address with HTTP 401."""
    EMPTY = "empty"
    """Honest, and answers 200 with an empty body."""
    TRUE = "true"
    """Honest, and answers the word true."""
    HTML = "html"
    """Honest, and answers a web page."""


class ConductTable:
    """The conduct of a shop: the usual one, and exceptions for the next IPNs of a payment or of any."""

    def __init__(self, usual: Conduct) -> None:
        self.usual = usual
        self.odd: FaultTable[Conduct] = FaultTable()

    def take(self, trnx_id: str) -> Conduct:
        """The conduct for this IPN; an exception is counted as used."""
        return self.odd.take(trnx_id, ANYBODY) or self.usual
