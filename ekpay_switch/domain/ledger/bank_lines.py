"""What of the reconciliation may book a line of our own bank's statement."""

from enum import StrEnum


class BankLineKind(StrEnum):
    """Why the reconciliation has booked a line; the values of `break_bank_lines.booked_by`."""

    BREAK = "break"  # a decision about the break of the line itself
    RESOLUTION = "resolution"  # a decision that says what our bank has paid or received
    RETURN = "return"  # an unidentified line was given back by hand
    UNIDENTIFIED = "unidentified"  # nothing explains the line
