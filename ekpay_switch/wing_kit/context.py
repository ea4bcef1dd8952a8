"""The ports and settings that every family is built with, as one object: a new port changes no signature."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from ekpay_switch.ports.bill_files import BillFiles
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.world import Clock, Tokens, Wire
from ekpay_switch.wing_kit.rehearsal_ports import NoBillFiles


class OptionalPorts(TypedDict, total=False):
    """Optional ports of a wing, passed by name; a missing one is replaced by a stand-in."""

    bill_files: BillFiles
    hosts: HostPorts


@dataclass(frozen=True, slots=True)
class FamilyContext:
    """The ports and settings an adapter may use; `divisor` shortens every time of its manifest.

    Without `hosts` nothing can be asked over a host link.
    """

    wire: Wire
    tokens: Tokens
    clock: Clock
    environ: Mapping[str, str]
    divisor: float = 1.0
    bill_files: BillFiles = field(default_factory=NoBillFiles)
    hosts: HostPorts | None = None
