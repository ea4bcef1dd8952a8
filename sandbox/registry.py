"""Which institutions the sandbox has, and how selected ones are opened and served together.

A family of institutions joins with three lines: a member of `InstitutionName`, its port and its class, among
the billers or the providers; an institution of another kind stands alone.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

import sandbox.billers.aggregator.family as aggregator
import sandbox.billers.batch.family as batch
import sandbox.billers.breb.institution as breb
import sandbox.billers.challan.family as challan
import sandbox.billers.desco.institution as desco
import sandbox.billers.direct.family as direct
import sandbox.billers.nesco.institution as nesco
import sandbox.billers.offices.family as offices
import sandbox.billers.prepaid.family as prepaid
import sandbox.billers.upstream.family as upstream
import sandbox.billers.xmlvend.family as xmlvend
import sandbox.messaging.institution as sms
import sandbox.providers.bank_redirect.family as bank_redirect
import sandbox.providers.bkash.institution as bkash
import sandbox.providers.iso8583.family as iso8583
import sandbox.providers.mpgs.family as mpgs
import sandbox.providers.nagad.family as nagad
import sandbox.providers.sslcommerz.family as sslcommerz
import sandbox.providers.token_init_status.family as token_init_status
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import FarSide
from sandbox.kit.institution.server import ServedInstitution, serve
from sandbox.kit.provider.family import ProviderFamily
from sandbox.messaging.settings import SmsSettings
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.iso8583.settings import HostSettings


class InstitutionName(StrEnum):
    """The simulated institutions, in the order in which they are announced."""

    DESCO = "desco"
    BREB = "breb"
    NESCO = "nesco"
    BKASH = "bkash"
    DIRECT = "direct"
    PREPAID = "prepaid"
    XMLVEND = "xmlvend"
    AGGREGATOR = "aggregator"
    UPSTREAM = "upstream"
    CHALLAN = "challan"
    OFFICES = "offices"
    BATCH = "batch"
    NAGAD = "nagad"
    SSLCOMMERZ = "sslcommerz"
    TOKEN_INIT_STATUS = "token_init_status"  # noqa: S105 - a family
    BANK_REDIRECT = "bank_redirect"
    MPGS = "mpgs"
    ISO8583 = "iso8583"
    SMS = "sms"


PORT_MAX = 65_535

DEFAULT_PORTS: Mapping[InstitutionName, int] = {
    InstitutionName.DESCO: 8190,
    InstitutionName.BREB: 8191,
    InstitutionName.NESCO: 8192,
    InstitutionName.BKASH: 8193,
    InstitutionName.DIRECT: 8194,
    InstitutionName.PREPAID: 8195,
    InstitutionName.XMLVEND: 8196,
    InstitutionName.AGGREGATOR: 8197,
    InstitutionName.UPSTREAM: 8198,
    InstitutionName.CHALLAN: 8199,
    InstitutionName.OFFICES: 8200,
    InstitutionName.BATCH: 8201,
    InstitutionName.NAGAD: 8202,
    InstitutionName.SSLCOMMERZ: 8203,
    InstitutionName.TOKEN_INIT_STATUS: 8204,
    InstitutionName.BANK_REDIRECT: 8205,
    InstitutionName.MPGS: 8206,
    InstitutionName.ISO8583: 8207,
    InstitutionName.SMS: 8208,
}

BILLER_FAMILIES: Mapping[InstitutionName, type[BillerFamily]] = {
    InstitutionName.DIRECT: direct.DirectFamily,
    InstitutionName.PREPAID: prepaid.PrepaidFamily,
    InstitutionName.XMLVEND: xmlvend.XmlVendFamily,
    InstitutionName.AGGREGATOR: aggregator.AggregatorFamily,
    InstitutionName.UPSTREAM: upstream.UpstreamFamily,
    InstitutionName.CHALLAN: challan.ChallanFamily,
    InstitutionName.OFFICES: offices.OfficesFamily,
    InstitutionName.BATCH: batch.BatchFamily,
}
"""The families of billers, each served as one institution."""

PROVIDER_FAMILIES: Mapping[InstitutionName, type[ProviderFamily]] = {
    InstitutionName.NAGAD: nagad.NagadFamily,
    InstitutionName.SSLCOMMERZ: sslcommerz.SslcommerzFamily,
    InstitutionName.TOKEN_INIT_STATUS: token_init_status.TokenInitStatusFamily,
    InstitutionName.BANK_REDIRECT: bank_redirect.BankRedirectFamily,
    InstitutionName.MPGS: mpgs.MpgsFamily,
    InstitutionName.ISO8583: iso8583.HostsFamily,
}
"""The families of providers, each served as one institution."""


class UnservedPortError(Exception):
    """A port was named for an institution that is not served."""


class UnreadablePortError(Exception):
    """A port was not written as `PORT` or `NAME=PORT`."""


class SharedSettings(TypedDict):
    """The settings of all institutions of one process, as in `InstitutionSettings`."""

    home: Path
    seed: int
    accounts: int
    slow_seconds: float


def read_ports(texts: Sequence[str]) -> dict[InstitutionName, int | None]:
    """Return the ports written as `NAME=PORT`, or as `PORT` for DESCO, the first institution there was.

    Raises:
        UnreadablePortError: one is written in another way, or two are of one institution.
    """
    ports: dict[InstitutionName, int | None] = {}
    for text in texts:
        name, _, port = text.rpartition("=")
        is_port = port.isascii() and port.isdigit() and int(port) <= PORT_MAX
        if (
            not is_port
            or (name or InstitutionName.DESCO) not in set(InstitutionName) - set(ports)
            or text.startswith("=")
        ):
            known = ", ".join(InstitutionName)
            raise UnreadablePortError(f"{text} must be [NAME=]PORT, each name once and one of {known}")
        ports[InstitutionName(name or InstitutionName.DESCO)] = int(port)
    return ports


def ports_to_serve(
    named: Mapping[InstitutionName, int | None], only: Sequence[InstitutionName]
) -> dict[InstitutionName, int]:
    """Return who is served at which port, given the ports that were named.

    Those in `only` are served; if it is empty, those whose port was named; if none was, all. So a
    command that names one port never takes another one, and several may run side by side.

    Raises:
        UnservedPortError: a port was named for one that is not in `only`.
    """
    with_port = [name for name in InstitutionName if named.get(name) is not None]
    selected = only or with_port or list(InstitutionName)
    stray = [name for name in with_port if name not in selected]
    if stray:
        raise UnservedPortError(f"a port is named for {', '.join(stray)}, which is not to be served")
    served = {name: named.get(name) for name in InstitutionName if name in selected}
    return {name: DEFAULT_PORTS[name] if port is None else port for name, port in served.items()}


def read_host_ports(texts: Sequence[str]) -> dict[str, int]:
    """Return the ports of banks' hosts, written as `INSTITUTION=PORT`.

    Raises:
        UnreadablePortError: one is written in another way, or two are of one institution.
    """
    institutions = {institution.id for institution in iso8583.HostsFamily.institutions}
    ports: dict[str, int] = {}
    for text in texts:
        name, _, port = text.partition("=")
        is_port = port.isascii() and port.isdigit() and int(port) <= PORT_MAX
        if not is_port or name not in institutions - set(ports):
            known = ", ".join(sorted(institutions))
            raise UnreadablePortError(
                f"{text} must be INSTITUTION=PORT, each institution once and one of {known}"
            )
        ports[name] = int(port)
    return ports


def serve_together(
    host: str,
    ports: Mapping[InstitutionName, int],
    shared: SharedSettings,
    announce: Callable[[str, str], None],
    host_ports: Mapping[str, int],
) -> None:
    """Serve institutions in one process until interrupted; port 0 takes a free one.

    `announce` gets the name and base address of each, in the order of `ports`. `host_ports` are those of
    banks' hosts, by institution, whose port is named.

    Raises:
        OSError: an address is taken, or a book cannot be opened; nobody is served then.
        BookOfAnotherWorldError: a book was begun with another seed.
        JournalInUseError: another process keeps a book open.
        BrokenJournalError: a journal cannot be read.
    """
    with ExitStack() as books:
        stands = []
        for name, port in ports.items():
            far_side = books.enter_context(closing(_open_institution(name, shared, host_ports)))
            stands.append(ServedInstitution(far_side, host, port))
        serve(stands, announce)


def _open_institution(
    name: InstitutionName, shared: SharedSettings, host_ports: Mapping[str, int]
) -> FarSide:
    if name in BILLER_FAMILIES:
        return BILLER_FAMILIES[name].open(BillerSettings(**shared), Clock())
    if name in PROVIDER_FAMILIES:
        family = PROVIDER_FAMILIES[name]
        settings = family.settings_type(**shared)
        if isinstance(settings, HostSettings) and host_ports:
            settings = settings.model_copy(update={"host_ports": host_ports})
        return family.open(settings, Clock())
    return _SINGLE_INSTITUTIONS[name](shared)


_SINGLE_INSTITUTIONS: Mapping[InstitutionName, Callable[[SharedSettings], FarSide]] = {
    InstitutionName.DESCO: lambda shared: desco.DescoInstitution.open(DescoSettings(**shared), Clock()),
    InstitutionName.BREB: lambda shared: breb.BrebInstitution.open(BrebSettings(**shared), Clock()),
    InstitutionName.NESCO: lambda shared: nesco.NescoInstitution.open(NescoSettings(**shared), Clock()),
    InstitutionName.BKASH: lambda shared: bkash.BkashInstitution.open(BkashSettings(**shared), Clock()),
    InstitutionName.SMS: lambda shared: sms.SmsGateway.open(SmsSettings(**shared), Clock()),
}
