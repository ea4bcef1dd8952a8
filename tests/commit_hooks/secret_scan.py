"""A hook before each commit: no file holds a secret. `python -m tests.commit_hooks.secret_scan FILE ...`.

It finds secrets of widely used formats, files of keys by their names, and random text assigned to a name
such as `password`. It cannot find a secret that looks like a word.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.commit_hooks.report import report

FORMATS = {
    "private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|[\"'])*[A-Za-z0-9+/]{20}",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "GitLab token": r"glpat-[\w-]{20}",
    "Slack token": r"xox[abeprs]-[\w-]{10}",
    "Google API key": r"AIza[\w-]{35}",
    "Stripe key": r"\b[rs]k_live_\w{10}",
    "webhook secret": r"whs(?:ec|k)_[A-Za-z0-9+/]{24}",
    "JSON web token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10}",
}
# What is assigned, and the end of what stands before it: a name that says that its value is secret.
VALUE = re.compile(r"[:=]\s*[\"']?(?P<value>[A-Za-z0-9+/_\-.=~]{16,})")
SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|secret|token|credential|(?:api|app|mac|master|pass)_?key)[\w.-]*[\"']?\s*$",
    re.IGNORECASE,
)
NAME_LENGTH_MAX = 60
KEY_FILE = re.compile(
    r"(?:^|/)(?:\.env(?:\..+)?|id_(?:rsa|ecdsa|ed25519)|master\.key|.+\.(?:pem|p12|pfx|jks|key))$"
)
# Random text is at least this long, mixes letters with digits and has more than this many bits a character.
LENGTH_MIN = 12
BITS_MIN = 3.3
# Values that look random and are not secret, with the reason.
ALLOWED_VALUES = {
    "dcf0b2463cef14a69db44b49afef0a20": "the MD5 of ekpay-test-pass, which opens nothing",
    "eyJhbGciOiJIUzUxMiJ9.e30.c2ln": "a token without content or signature",
}
# Rows that people type as an example of a key.
EXAMPLE = re.compile(r"0123456789|abcdefghij|1234567890", re.IGNORECASE)
SKIPPED_FILE = re.compile(r"\.(?:lock|woff2|ttf|png|ico|pdf|xlsx|gz)$|\.min\.js$")


def is_random(value: str) -> bool:
    """Whether a part of the value is as mixed as a generated secret; words joined by hyphens are not."""
    for part in re.split(r"[-_./~]+", value):
        bits = -sum(n / len(part) * math.log2(n / len(part)) for n in Counter(part).values())
        has_both = re.search(r"\d", part) and re.search(r"[A-Za-z]", part)
        if len(part) >= LENGTH_MIN and has_both and bits > BITS_MIN:
            return True
    return False


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of each secret of a text."""
    for kind, pattern in FORMATS.items():
        for match in re.finditer(pattern, text):
            yield text.count("\n", 0, match.start()) + 1, kind
    for match in VALUE.finditer(text):
        value = match["value"]
        name = text[max(0, match.start() - NAME_LENGTH_MAX) : match.start()]
        is_example = value in ALLOWED_VALUES or EXAMPLE.search(value)
        if not is_example and SECRET_NAME.search(name) and is_random(value):
            yield text.count("\n", 0, match.start()) + 1, "value of a secret name"


def problems(paths: list[str]) -> list[str]:
    """What is wrong with the files, a line each; never the secret itself."""
    lines = []
    for path in paths:
        if KEY_FILE.search(path):
            lines.append(f"{path}: a file of keys")
        elif not SKIPPED_FILE.search(path):
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            lines += [f"{path}:{line}: {kind}" for line, kind in sorted(set(secrets_in(text)))]
    return lines


if __name__ == "__main__":
    sys.exit(report(problems(sys.argv[1:])))
