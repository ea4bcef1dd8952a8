"""How the providers of this family show a payer's number."""

_VISIBLE = 3


def masked(number: str) -> str:
    """Return a number with its first and last three digits, and stars that do not tell its length."""
    return f"{number[:_VISIBLE]}*****{number[-_VISIBLE:]}" if number else ""
