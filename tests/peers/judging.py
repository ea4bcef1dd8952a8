"""Letters for a library of webhooks: it has to take what is ours and refuse what was changed on the way."""

from collections.abc import Callable, Mapping

from telling import expect, want  # type: ignore[import-not-found]  # beside us where we run

Verify = Callable[[str, bytes, Mapping[str, str]], object]


def judge(verify: Verify, error: type[Exception]) -> None:
    """Have each letter judged by the library."""
    for letter in want("letters")["letters"]:
        try:
            verify(letter["secret"], letter["body"].encode(), letter["headers"])
        except error as refused:
            expect(letter["title"], is_right=not letter["is_ours"], error=str(refused))
        else:
            expect(letter["title"], is_right=letter["is_ours"])
