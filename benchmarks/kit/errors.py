"""What every part of the bench says when its numbers would be none."""


class BenchError(Exception):
    """Something did not start, did not hold, or is missing; the text says what, for a person."""
