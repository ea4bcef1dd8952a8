"""A partner's messages through a JOSE library: it has to open what is ours, and we what it seals."""

from collections.abc import Callable

from telling import expect, expect_refusal, want  # type: ignore[import-not-found]  # beside us where we run

HEADER = {"cty": "JWT", "enc": "A256GCM", "alg": "dir"}
Seal = Callable[[bytes, bytes], str]
Open = Callable[[str, bytes], bytes]


def exchange(seal: Seal, open_: Open, error: type[Exception]) -> None:
    """Open each envelope of ours, refuse those that are not for this key, and have our own ones opened."""
    given = want("envelopes")
    secret = given["secret"].encode()
    for plain, token in given["sealed"]:
        expect(f"opens {len(plain)} characters", is_right=open_(token, secret) == plain.encode())
    for title, token in given["spoilt"].items():
        expect_refusal(f"refuses {title}", error, "", lambda token=token: open_(token, secret))
    for plain, _ in given["sealed"]:
        opened = want("open", token=seal(plain.encode(), secret))
        expect(f"is opened, {len(plain)} characters", is_right=opened["plain"] == plain)
