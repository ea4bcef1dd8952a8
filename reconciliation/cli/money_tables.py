"""Amounts in the cells of a table."""

from ekpay_switch.cli.terminal import taka


def money_cell(value: object) -> str:
    """An amount in paisa as taka, anything else as it is."""
    return taka(value) if isinstance(value, int) else str(value)
