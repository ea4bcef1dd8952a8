"""The sends journal, as flows need it: a line outside the database before each money call."""

from typing import Protocol

from ekpay_switch.domain.sends import Send

# Why a call was not sent whose line could not be written.
NO_JOURNAL = "the sends journal cannot be written"


class SendsJournal(Protocol):
    """What was sent, kept where a restore of the database does not reach (docs/adr/0088)."""

    def write(self, send: Send) -> bool:
        """Append one line; it outlives this process on return.

        False where it cannot be written: then the call must not be sent, as after any `Unreached`.
        """
        ...
