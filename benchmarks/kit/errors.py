"""The error that a part of the bench raises instead of reporting wrong numbers."""


class BenchError(Exception):
    """Something did not start, was not as required, or is missing; the text says what."""
