"""What the replay commands share: ids, Dhaka times, a progress bar for what takes long."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ekpay_switch.domain.business_day import DHAKA

FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
SILENT_SECONDS = 2.0
# `webhook-id` as receivers see it: the notification, then the endpoint.
_MESSAGE_ID = re.compile(r"msg_([0-9a-f]{32})_([0-9a-f]{32})")
_CREDENTIALS = re.compile(r"(?<=//)[^/?#]*@")


def read_id(text: str) -> tuple[UUID, UUID | None]:
    """An id, or the notification and the endpoint of a webhook-id."""
    match = _MESSAGE_ID.fullmatch(text)
    if match:
        return UUID(match[1]), UUID(match[2])
    try:
        return UUID(text), None
    except ValueError as problem:
        raise typer.BadParameter("this is no id of a notification and no webhook-id") from problem


def read_range(since: datetime, until: datetime | None) -> tuple[datetime, datetime]:
    """Both ends as instants; a time without an offset is one of a Dhaka clock, the end is now by default."""
    begins, ends = _in_dhaka(since), _in_dhaka(until) if until else datetime.now(UTC)
    if begins >= ends:
        raise typer.BadParameter("the range ends before it begins")
    return begins, ends


def _in_dhaka(instant: datetime) -> datetime:
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=DHAKA)


def shown_url(url: str) -> str:
    """A partner's URL without the credentials that it must not hold."""
    return _CREDENTIALS.sub("***@", url)


@contextmanager
def bar_when_slow(
    description: str, total: int, now: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Count the work done, and show a progress bar on stderr after two seconds."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar, began_at = Progress(*columns, console=Console(stderr=True)), now()
    task = bar.add_task(description, total=total)

    def advance(count: int) -> None:
        bar.advance(task, count)
        if not bar.live.is_started and now() - began_at >= SILENT_SECONDS:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
