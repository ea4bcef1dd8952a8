"""Which institutions the sandbox has, and how those that are wanted are opened and served together."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

import sandbox.bkash.institution as bkash
import sandbox.breb.institution as breb
import sandbox.desco.institution as desco
import sandbox.nesco.institution as nesco
from sandbox.bkash.settings import BkashSettings
from sandbox.breb.settings import BrebSettings
from sandbox.desco.settings import DescoSettings
from sandbox.institution.clock import Clock
from sandbox.institution.far_side import FarSide
from sandbox.institution.server import Stand, serve
from sandbox.nesco.settings import NescoSettings


class Name(StrEnum):
    """The simulated institutions, in the order in which they are announced."""

    DESCO = "desco"
    BREB = "breb"
    NESCO = "nesco"
    BKASH = "bkash"


DEFAULT_PORTS: Mapping[Name, int] = {
    Name.DESCO: 8190,
    Name.BREB: 8191,
    Name.NESCO: 8192,
    Name.BKASH: 8193,
}


class UnservedPortError(Exception):
    """A port was named for an institution that is not served."""


class Shared(TypedDict):
    """What goes for all institutions of one process, as in `InstitutionSettings`."""

    home: Path
    seed: int
    accounts: int
    slow_seconds: float


def ports_to_serve(named: Mapping[Name, int | None], only: Sequence[Name]) -> dict[Name, int]:
    """Return who is served at which port, given the ports that were named.

    Those in `only` are served; if it is empty, those whose port was named; if none was, all. So a
    command that names one port never takes another one, and several may run side by side.

    Raises:
        UnservedPortError: a port was named for one that is not in `only`.
    """
    with_port = [name for name in Name if named.get(name) is not None]
    wanted = only or with_port or list(Name)
    stray = [name for name in with_port if name not in wanted]
    if stray:
        raise UnservedPortError(f"a port is named for {', '.join(stray)}, which is not to be served")
    served = {name: named.get(name) for name in Name if name in wanted}
    return {name: DEFAULT_PORTS[name] if port is None else port for name, port in served.items()}


def serve_together(
    host: str, ports: Mapping[Name, int], shared: Shared, announce: Callable[[str, str], None]
) -> None:
    """Serve institutions in one process until interrupted; port 0 takes a free one.

    `announce` is told the name and base address of each, in the order of `ports`.

    Raises:
        OSError: an address is taken, or a book cannot be opened; nobody is served then.
        BookOfAnotherWorldError: a book was begun with another seed.
        JournalInUseError: another process keeps a book open.
        BrokenJournalError: a journal cannot be read.
    """
    with ExitStack() as books:
        stands = []
        for name, port in ports.items():
            far_side = books.enter_context(closing(_open(name, shared)))
            stands.append(Stand(far_side, host, port))
        serve(stands, announce)


def _open(name: Name, shared: Shared) -> FarSide:
    match name:
        case Name.DESCO:
            return desco.Institution.open(DescoSettings(**shared), Clock())
        case Name.BREB:
            return breb.Institution.open(BrebSettings(**shared), Clock())
        case Name.NESCO:
            return nesco.Institution.open(NescoSettings(**shared), Clock())
        case Name.BKASH:
            return bkash.Institution.open(BkashSettings(**shared), Clock())
