"""A receiver that checks our messages with the public library svix, unmodified.

Run by `webhooks_against_sandbox.py` in an environment that has nothing but that package.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from judging import judge  # type: ignore[import-not-found]  # beside us where we run
from telling import versions  # type: ignore[import-not-found]  # beside us where we run

library: Any = importlib.import_module("svix.webhooks")


def verify(secret: str, body: bytes, headers: Mapping[str, str]) -> object:
    return library.Webhook(secret).verify(body, dict(headers))


if __name__ == "__main__":
    versions("svix")
    judge(verify, library.WebhookVerificationError)
