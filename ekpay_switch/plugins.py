"""Finding the wings by entry point, so that the core never imports them (architecture.md 3)."""

import os
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ekpay_switch.config_files.config_folder import WAYS_OUT
from ekpay_switch.ports.audit import AuditCheck
from ekpay_switch.ports.bill_files import BillFiles
from ekpay_switch.ports.billers import BillerAdapter, Billers
from ekpay_switch.ports.connectors import Connector, Connectors
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.status import StatusReader
from ekpay_switch.ports.world import Clock, Tokens, Wire


class PluginError(Exception):
    """A wing is missing, two wings have the same institution, or none has any."""


class _AllBillers:
    """The billers of all wings as one catalogue."""

    def __init__(self, adapters: list[BillerAdapter]) -> None:
        self._by_id = {adapter.profile.id: adapter for adapter in adapters}
        self._by_ekpay_id = {adapter.profile.ekpay_id: adapter for adapter in adapters}
        if not len(self._by_id) == len(self._by_ekpay_id) == len(adapters):
            raise PluginError("two wings bring the same biller")

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        """See `ports.Billers`."""
        return self._by_ekpay_id.get(ekpay_id)

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        """See `ports.Billers`."""
        return self._by_id.get(biller_id)

    def all(self) -> list[BillerAdapter]:
        """See `ports.Billers`."""
        return [self._by_id[biller_id] for biller_id in sorted(self._by_id)]


class _AllConnectors:
    """The connectors of all wings as one catalogue."""

    def __init__(self, connectors: list[Connector]) -> None:
        self._by_id = {connector.profile.id: connector for connector in connectors}
        if len(self._by_id) != len(connectors):
            raise PluginError("two wings bring the same connector")

    def by_id(self, connector_id: str) -> Connector | None:
        """See `ports.Connectors`."""
        return self._by_id.get(connector_id)

    def all(self) -> list[Connector]:
        """See `ports.Connectors`."""
        return [self._by_id[connector_id] for connector_id in sorted(self._by_id)]


def load_billers(
    config: Path,
    wire: Wire,
    tokens: Tokens,
    clock: Clock,
    divisor: float,
    bill_files: BillFiles | None = None,
) -> Billers:
    """Every biller of every wing in the group `ekpay.billers`; without `bill_files` none has bills in files.

    Raises:
        PluginError: no wing is installed, two bring the same biller, or there is none: an empty folder must
            not look like a switch without billers.
    """
    wings = _load_wings("ekpay.billers", "billers")
    extra_ports = {} if bill_files is None else {"bill_files": bill_files}
    built = [build(config, wire, tokens, clock, os.environ, divisor, **extra_ports) for build in wings]
    adapters = [adapter for billers in built for adapter in billers.all()]
    if not adapters:
        raise PluginError(f"{config / 'billers'} holds no manifest of a biller (*.toml): {WAYS_OUT}")
    return _AllBillers(adapters)


def load_connectors(
    config: Path,
    wire: Wire,
    tokens: Tokens,
    clock: Clock,
    divisor: float,
    hosts: HostPorts | None = None,
) -> Connectors:
    """Every connector of every wing in the group `ekpay.connectors`; without `hosts` none uses a host link.

    Raises like `load_billers`.
    """
    wings = _load_wings("ekpay.connectors", "connectors")
    extra_ports = {} if hosts is None else {"hosts": hosts}
    built = [build(config, wire, tokens, clock, os.environ, divisor, **extra_ports) for build in wings]
    found = [connector for connectors in built for connector in connectors.all()]
    if not found:
        raise PluginError(f"{config / 'connectors'} holds no manifest of a connector (*.toml): {WAYS_OUT}")
    return _AllConnectors(found)


def load_audits() -> list[AuditCheck]:
    """Every check of every wing in the group `ekpay.audits`, by name; a switch without any has none.

    Raises:
        PluginError: one cannot be loaded. An audit that leaves a check out must not say "clean".
    """
    return [
        _load_audit(point)
        for point in sorted(entry_points(group="ekpay.audits"), key=lambda point: point.name)
    ]


def _load_audit(point: EntryPoint) -> AuditCheck:
    try:
        check: AuditCheck = point.load()
    except Exception as problem:
        raise PluginError(
            f"the audit {point.name} cannot be loaded from {point.value}: {problem}"
        ) from problem
    return check


def load_status_readers() -> list[StatusReader]:
    """Every reader of every wing in the group `ekpay.status`, by name.

    Raises:
        PluginError: one cannot be loaded.
    """
    readers = []
    for point in sorted(entry_points(group="ekpay.status"), key=lambda point: point.name):
        try:
            readers.append(point.load())
        except Exception as problem:
            raise PluginError(
                f"the status {point.name} cannot be loaded from {point.value}: {problem}"
            ) from problem
    return readers


def _load_wings(group: str, institutions: str) -> list[Any]:
    """The builder of each wing of a group; typed by the protocols of the ports alone."""
    wings: list[Any] = [point.load() for point in entry_points(group=group)]
    if not wings:
        raise PluginError(f"no wing of {institutions} is installed (entry point group {group})")
    return wings
