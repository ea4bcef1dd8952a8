"""How the shop listens: honestly, or as badly as real merchants do (ekpay-merchant-api.md 2.6 and 3)."""

from enum import StrEnum

from sandbox.kit.institution.faults import ANYBODY, FaultTable


class Conduct(StrEnum):
    """What the shop does with an IPN, and whether it trusts a page that a customer reached."""

    HONEST = "honest"
    """Checks the IPN against its own order and believes it once."""
    TRUSTING = "trusting"
    """Takes whoever reaches its success page for somebody who has paid, and reads no IPN (3.1)."""
    ASKING = "asking"
    """Calls get-status inside the listener, and answers only then: 403 if it says otherwise (2.6)."""
    COUNTING = "counting"
    """Takes each IPN that says paid for money of its own (3.3)."""
    SLOW = "slow"
    """Honest, some seconds late."""
    SILENT = "silent"
    """Takes the connection and never answers; nothing is believed."""
    HTTP_500 = "http_500"
    """Breaks before it has believed anything."""
    HTTP_401 = "http_401"
    """Does not know the address that the IPN comes from."""
    EMPTY = "empty"
    """Honest, and answers 200 with nothing in it."""
    TRUE = "true"
    """Honest, and answers the word true."""
    HTML = "html"
    """Honest, and answers a web page."""


class ConductTable:
    """The conduct of a shop: one for every day, and others for the next IPNs of some payment or of any."""

    def __init__(self, usual: Conduct) -> None:
        self.usual = usual
        self.odd: FaultTable[Conduct] = FaultTable()

    def take(self, trnx_id: str) -> Conduct:
        """The conduct that meets this IPN, and count it as used."""
        return self.odd.take(trnx_id, ANYBODY) or self.usual
