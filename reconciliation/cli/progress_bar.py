"""Progress bars of commands that may take long."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def counting_bar(*more: str) -> Progress:
    """A bar on stderr that counts to a known end and leaves nothing behind; `more` are further columns."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *map(TextColumn, more),
        TimeElapsedColumn(),
        transient=True,
        console=Console(stderr=True),
    )
