"""What is unsafe where real money moves: `serve` and `worker` refuse it, `doctor` names it (ADR 0080)."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.session import Session
from ekpay_switch.config_files.toml_file import toml_tables
from ekpay_switch.persistence.database_guards import changeable_tables, missing_tables
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.parties.partners import Partners
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import SealBrokenError
from ekpay_switch.settings import Settings

# A proxy's network that is larger than this believes the addresses that strangers write.
_PROXY_BITS_MIN = {4: 8, 6: 32}
_NO_SECRETS = ("user", "user_setting")


class UnsafeInstallationError(Exception):
    """The installation is unsafe where real money moves; the text says each reason and what to do."""


@dataclass(frozen=True, slots=True)
class FarSide:
    """The variables by which one far side is called.

    `addresses` maps each variable of an address to the sandbox's, which is used while it is unset; `secrets`
    are those of passwords and keys, and `rehearsed` those that only rehearsals set.
    """

    addresses: Mapping[str, str]
    secrets: frozenset[str]
    rehearsed: frozenset[str]


def refuse_unsafe(session: Session) -> None:
    """Let a process start only where it is safe, or where `EKPAY_REHEARSAL` says that no money is real.

    Raises:
        UnsafeInstallationError: it is not.
    """
    if session.settings.rehearsal:
        return
    if faults := find_unsafe(session):
        raise UnsafeInstallationError(
            f"unsafe where real money moves: {'; '.join(faults)}. Set it right, "
            "or set EKPAY_REHEARSAL=true where no money is real"
        )


def find_unsafe(session: Session) -> list[str]:
    """Everything unsafe, each as a sentence that says what to do and never shows a secret."""
    at_database = session.run(lambda engine: unsafe_database(session.database, engine, session.keys()))
    return [*unsafe_settings(session.settings, os.environ), *at_database]


def unsafe_settings(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Each unsafe setting as a sentence that names its variable and never shows a secret."""
    if settings.time_divisor != 1:
        yield "EKPAY_TIME_DIVISOR shortens the waits for institutions: it must be 1"
    if not _is_loopback(settings.host) and not settings.public_url.startswith("https://"):
        yield "EKPAY_HOST listens beyond this machine, and EKPAY_PUBLIC_URL is not https"
    if settings.webhook_trusted_hosts:
        yield "EKPAY_WEBHOOK_TRUSTED_HOSTS lets notifications go to private addresses: leave it unset"
    for network in sorted(settings.trusted_proxies):
        parsed = ip_network(network)
        if parsed.prefixlen < _PROXY_BITS_MIN[parsed.version]:
            yield f"EKPAY_TRUSTED_PROXIES believes what anybody in {network} writes: name our own proxies"
    if settings.master_key is not None and KeyRing.is_weak(settings.master_key.get_secret_value()):
        yield "EKPAY_MASTER_KEY is one byte repeated: make a random one (openssl rand -base64 32)"
    yield from _unsafe_gateway(settings)
    for far_side in far_sides(settings.config):
        yield from _unsafe_far_side(far_side, environ)


def _unsafe_gateway(settings: Settings) -> Iterator[str]:
    url = settings.sms_url
    if url is None:
        return
    if not url.startswith("https://") and not _is_loopback(urlsplit(url).hostname or ""):
        yield "EKPAY_SMS_URL is not https: its token and every code would be sent in clear"
    if settings.sms_api_token is None or not settings.sms_sender_id:
        yield "EKPAY_SMS_URL is set without EKPAY_SMS_API_TOKEN and EKPAY_SMS_SENDER_ID: set them"


async def unsafe_database(database: Database, engine: AsyncEngine, keys: KeyRing) -> list[str]:
    """Whether our role may change the books, and whether the master key is the one of this database."""
    connection = await database.connect()
    try:
        if await missing_tables(connection):
            return []  # nothing is in it yet
        changeable = await changeable_tables(connection)
    finally:
        await connection.close()
    faults = []
    if changeable:
        faults.append(f"the application may change {', '.join(changeable)}: give it a role of its own")
    if not await _opens_secrets(Partners(engine, keys)):
        faults.append("the master key does not open the partners' secrets: it is another installation's")
    return faults


async def _opens_secrets(partners: Partners) -> bool:
    """Whether the key opens a secret; without any there is nothing that another key has sealed."""
    is_broken = False
    for line in await partners.list():
        try:
            if await partners.by_id(line.id) is not None:
                return True
        except SealBrokenError:
            is_broken = True
    return not is_broken


def far_sides(config: Path) -> list[FarSide]:
    """The far sides of all manifests of billers and connectors."""
    files = sorted([*(config / "billers").glob("*.toml"), *(config / "connectors").glob("*.toml")])
    return [_far_side(toml_tables(file)) for file in files]


def _far_side(manifest: Mapping[str, Any]) -> FarSide:
    family = manifest.get("family_settings", {})
    endpoint = manifest.get("endpoint", {})
    addresses = {}
    if "url_setting" in endpoint:
        addresses[endpoint["url_setting"]] = endpoint.get("url_default", "")
    if "host_setting" in family:
        addresses[family["host_setting"]] = family.get("host_default", "")
    return FarSide(
        addresses,
        frozenset(_secrets(manifest.get("secrets", {}))),
        frozenset(text for name, text in family.items() if name == "sns_certificate_setting"),
    )


def _secrets(section: Mapping[str, Any]) -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif name not in _NO_SECRETS and not name.endswith("_default"):
            yield value


def _unsafe_far_side(far_side: FarSide, environ: Mapping[str, str]) -> Iterator[str]:
    if not any(environ.get(name) for name in far_side.secrets):
        return  # it cannot be asked, and is shown as such
    for name, sandbox in far_side.addresses.items():
        address = environ.get(name)
        if not address:
            yield f"{name} is unset though its password is set: it would be sent to the sandbox at {sandbox}"
        elif address.startswith("http://") and not _is_loopback(urlsplit(address).hostname or ""):
            yield f"{name} is not https: its password would be sent in clear"
    yield from (
        f"{name} is for rehearsals: leave it unset" for name in far_side.rehearsed if environ.get(name)
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
