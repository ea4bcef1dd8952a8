"""Passphrases that cost nothing: one takes 160 ms of a core, and hundreds of tests have two persons sign.

What the product asks for is held by tests/security/test_pass_keys.py.
"""

from argon2 import PasswordHasher

from ekpay_switch.security import passphrases

# The cost is no setting, so that nobody lowers it where it counts.
PRODUCT_HASHER = passphrases._HASHER  # noqa: SLF001 - see above


def lower() -> None:
    """Hash at the least cost from now on, in this process."""
    passphrases._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # noqa: SLF001 - see above
