"""What the switch refuses to do, and why.

    SwitchError
    ├── MalformedAmountError      text is not an amount of money
    ├── CurrencyMismatchError     two currencies met in one sum
    ├── UnbalancedEntryError      a journal entry would make or lose money
    ├── IllegalTransitionError    the payment is not in a state that allows this event
    ├── UnknownAccountError       an account code is not in the chart of accounts
    ├── NoFeeError                no fee row covers this payee, instrument, amount and day
    ├── OverloadedError           the queue to the database is full; nothing was done
    │   └── DatabaseRefusesError  the database cannot write, its disk is full say; nothing was done
    └── CommitUnknownError        the connection to the database was lost before the commit was confirmed

A decline is an answer and no error, see `outcome`.
A refusal of a partner's request is a value and no error, see `refusals`.
`api.problems` maps each class to an HTTP status.
"""


class SwitchError(Exception):
    """The base of all errors of the core; the docstring of a class is its default message."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or type(self).__name__).split("\n", 1)[0]


class MalformedAmountError(SwitchError):
    """The text is not an amount of taka with at most two decimals."""


class CurrencyMismatchError(SwitchError):
    """Two currencies met in one sum."""


class UnbalancedEntryError(SwitchError):
    """The journal entry does not sum to zero."""


class IllegalTransitionError(SwitchError):
    """The payment is not in a state that allows this event."""


class UnknownAccountError(SwitchError):
    """The account code is not in the chart of accounts."""


class NoFeeError(SwitchError):
    """No fee row covers this payee, instrument, amount and day."""


class OverloadedError(SwitchError):
    """The queue to the database is full; nothing was done, ask again shortly."""


class DatabaseRefusesError(OverloadedError):
    """The database cannot write at the moment; nothing was done, ask again shortly."""


class CommitUnknownError(SwitchError):
    """The database went away before it said whether it kept our rows."""
