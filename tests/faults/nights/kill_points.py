"""A process that runs a night and kills itself where it is told to, as a power cut would."""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from typing import ParamSpec, TypeVar
from unittest import mock

from reconciliation.engine import row_store as store
from reconciliation.nightly import inbox
from reconciliation.nightly.night_run import NightStep
from tests.reconciliation.nightly.stage import FakeEvidence, NightStage

P = ParamSpec("P")
R = TypeVar("R")
# Places that no step begins with: in the middle of what must be whole or not there.
INSIDE = ("a file was taken", "rows are half written", "everything is written but not committed")


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def once(call: Callable[P, R]) -> Callable[P, R]:
    """The call, one time; then death."""
    done: list[bool] = []

    def counted(*values: P.args, **more: P.kwargs) -> R:
        if done:
            die()
        done.append(True)
        return call(*values, **more)

    return counted


def main() -> None:
    path, night, place = sys.argv[1:]
    stage: NightStage = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by the test beside it

    def watch(_: date, step: NightStep) -> None:
        if step.value == place:
            die()

    take = inbox.Inbox._take  # noqa: SLF001 - between two files
    patches: dict[str, AbstractContextManager[object]] = {
        INSIDE[0]: mock.patch.object(inbox.Inbox, "_take", once(take)),
        INSIDE[1]: mock.patch.object(store, "sync_to_disk", once(store.sync_to_disk)),
        INSIDE[2]: mock.patch.object(FakeEvidence, "tell", die),
    }
    with patches.get(place, nullcontext()):
        asyncio.run(stage.night(date.fromisoformat(night), watch))


if __name__ == "__main__":
    main()
