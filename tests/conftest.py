"""What holds for every test."""

from hypothesis import settings

# A busy machine is slow, not wrong: an example has no deadline of its own.
settings.register_profile("ekpay", deadline=None)
settings.load_profile("ekpay")
