"""How a client's script tells what it saw; runs in the client's own environment and needs nothing there."""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Json = dict[str, Any]


def say(step: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"step": step, **facts}, default=str) + "\n")
    sys.stdout.flush()


def versions(*packages: str) -> None:
    say("versions", python=sys.version.split()[0], **{name: version(name) for name in packages})


def expect(step: str, *, is_right: bool, **facts: object) -> None:
    say(step, is_right=is_right, **facts)


def expect_refusal(step: str, error: type[Exception], words: str, call: Callable[[], object]) -> None:
    """Expect that the client raises this and says these words of the far side."""
    try:
        told = call()
    except error as raised:
        expect(step, is_right=words in str(raised), error=str(raised))
    else:
        expect(step, is_right=False, told=told)


def want(wants: str, **facts: object) -> Json:
    """Have something done by whoever started us."""
    sys.stdout.write(json.dumps({"wants": wants, **facts}) + "\n")
    sys.stdout.flush()
    answer: Json = json.loads(sys.stdin.readline())
    return answer
