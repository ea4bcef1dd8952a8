"""Letters for a library of webhooks: it has to take what is ours and refuse what was changed on the way."""

import importlib
from typing import Any

from telling import expect, versions, want  # type: ignore[import-not-found]  # beside us where we run


def judge(package: str, module: str) -> None:
    """Have each letter judged by the library, which has a `Webhook` and its error in this module."""
    versions(package)
    library: Any = importlib.import_module(module)
    for letter in want("letters")["letters"]:
        try:
            library.Webhook(letter["secret"]).verify(letter["body"].encode(), dict(letter["headers"]))
        except library.WebhookVerificationError as refused:
            expect(letter["title"], is_right=not letter["is_ours"], error=str(refused))
        else:
            expect(letter["title"], is_right=letter["is_ours"])
