"""A receiver that checks our messages with the public library standardwebhooks, unmodified.

Run by `webhooks_against_sandbox.py` in an environment that has nothing but that package.
"""

from judging import judge  # type: ignore[import-not-found]  # beside us where we run

if __name__ == "__main__":
    judge("standardwebhooks", "standardwebhooks")
