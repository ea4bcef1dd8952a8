"""The simulated providers as a play needs them: who pays there, what goes wrong there, what their books hold.

Each family of the sandbox serves several providers behind one desk; bKash is older and has a desk of its own.
"""

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

from typing_extensions import override

from ekpay_switch.ports.connectors import BY_HAND, RefundRules
from sandbox.callers.payer.payer import Payer
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.hooks import PushKind
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.providers.bkash.notifications import NotificationKind as NoticeKind
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.providers.iso8583.faults import HostFault, HostStep
from sandbox.registry import PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from tests.faults.connectors.foreign_signer import stranger_notifies
from tests.faults.connectors.stage import ACCOUNTS, Site
from tests.faults.installation import ROOT

MANIFESTS = ROOT / "config" / "connectors"
CONNECTORS = sorted(path.stem for path in MANIFESTS.glob("*.toml"))
BKASH = "bkash"


class Acts(Enum):
    """How a payer and its provider behave; the names of the kit's kinds of payer, but for a time-out."""

    PAYS = "normal"
    IS_REFUSED = "insufficient_funds"
    IS_DECLINED = "declined"
    OTHER_AMOUNT = "other_amount"
    CLAIMS = "return_forged"
    """Nothing is paid, and the browser says that it was."""


@dataclass(frozen=True, slots=True)
class Held:
    """One of our orders as its provider has it; amounts in paisa.

    `told` is what its answers say was taken. `names` are those that we may know the movement by. `given_back`
    are the refunds that are done: all names of each, and its amount. `was_asked_again` says that a call which
    decides of its money was repeated, or the money asked back.
    """

    reference: str
    word: str
    taken: int = 0
    told: int = 0
    fee: int = 0
    names: frozenset[str] = frozenset()
    given_back: Sequence[tuple[frozenset[str], int]] = ()
    was_asked_again: bool = False

    @property
    def back(self) -> int:
        """What is with the payer again."""
        return sum(amount for _, amount in self.given_back)


class Provider(ABC):
    """One connector's far side."""

    def __init__(self, connector_id: str, site: Site) -> None:
        """Nothing is asked yet."""
        self.id = connector_id
        self.site = site

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """What our manifest says of it."""
        return tomllib.loads((MANIFESTS / f"{self.id}.toml").read_text())

    @property
    def gives_back(self) -> bool:
        """Whether it has a call that gives money back."""
        return "refunds" in self.manifest

    @property
    def refund_rules(self) -> RefundRules:
        """How often and how long it gives back; finance does without limits where it does not."""
        if not self.gives_back:
            return BY_HAND
        limits = self.manifest["refunds"]
        return RefundRules(days_max=limits["days_max"], parts_max=limits["parts_max"])

    @abstractmethod
    def payer(self, acts: Acts, nth: int) -> Payer:
        """The nth payer of a kind."""

    @abstractmethod
    def late_payer(self, nth: int, *, is_moved: bool) -> Payer:
        """The nth payer whose money moves, or does not, while our call is not answered."""

    @abstractmethod
    async def hang(self, reference: str, *, is_moved: bool) -> None:
        """Let the next call about an order that decides of its money be answered by nobody."""

    @abstractmethod
    async def tell_again(self, reference: str, *, is_late: bool = False) -> None:
        """Let it tell us several times what it has told us, or once more after a week."""

    @abstractmethod
    async def tell_lies(self, reference: str, total: int) -> None:
        """Tell us that an order was paid: under a wrong proof, and under a right one."""

    @abstractmethod
    async def book(self) -> Mapping[str, Held]:
        """Every order in its book by our reference."""


class KitProvider(Provider):
    """A house of one of the families that stand on the sandbox's kit."""

    def __init__(self, house: ProviderInstitution, family: str, site: Site) -> None:
        """Nothing is asked yet."""
        super().__init__(house.id, site)
        self._house = house
        self._desk = site.families[family]
        self._payers = Payers(house.kind, ACCOUNTS)

    @property
    def desk(self) -> AdminClient:
        """The desk of its family."""
        return self._desk

    @override
    def payer(self, acts: Acts, nth: int) -> Payer:
        number = self._payers.number_of(acts.value, nth)
        assert number is not None, "the kit has every kind of payer"
        return Payer(number)

    @override
    def late_payer(self, nth: int, *, is_moved: bool) -> Payer:
        return self.payer(Acts.PAYS if is_moved else Acts.IS_DECLINED, nth)

    @override
    async def hang(self, reference: str, *, is_moved: bool) -> None:
        fault = ProviderFault.HANG_DONE if is_moved else ProviderFault.HANG_UNDONE
        await self._order("faults", reference, {"step": ProviderStep.STATUS, "fault": fault}, name="order")

    @override
    async def tell_again(self, reference: str, *, is_late: bool = False) -> None:
        kind, times = (PushKind.WEEK_LATE, 1) if is_late else (PushKind.AGAIN, 5)
        await self._order("push", reference, {"kind": kind, "times": times})

    @override
    async def tell_lies(self, reference: str, total: int) -> None:
        for kind in (PushKind.FORGED, PushKind.UNFOUNDED):
            await self._order("push", reference, {"kind": kind})

    async def _order(
        self, path: str, reference: str, order: Mapping[str, object], name: str = "reference"
    ) -> None:
        await self._desk.admin("POST", path, {"house": self.id, name: reference, **order})

    @override
    async def book(self) -> Mapping[str, Held]:
        lines = (await self._desk.admin("GET", f"orders?house={self.id}&count=1000"))["orders"]
        held = [self._held(line) for line in lines]
        by_reference = {one.reference: one for one in held}
        assert len(by_reference) == len(held), f"{self.id} has two orders of one reference"
        return by_reference

    def _held(self, line: Mapping[str, Any]) -> Held:
        return _held(line)


class HostProvider(KitProvider):
    """A bank behind a host link: our own message takes the money, and a reversal asks what became of it."""

    @override
    def late_payer(self, nth: int, *, is_moved: bool) -> Payer:
        # The payer has agreed either way, and what befalls our message decides.
        return self.payer(Acts.PAYS, nth)

    @override
    async def hang(self, reference: str, *, is_moved: bool) -> None:
        fault = HostFault.LOST_DONE if is_moved else HostFault.LOST_UNDONE
        await self._order("faults", reference, {"step": HostStep.REQUEST, "fault": fault}, name="order")

    @override
    def _held(self, line: Mapping[str, Any]) -> Held:
        facts, held = line["facts"], super()._held(line)
        if not held.taken:
            return held
        # A movement is known by who asked, on which day, and under which number.
        day = f"{line['decided_at'][:4]}{facts['DE13']}"
        return replace(held, names=frozenset({f"{facts['DE32']}-{day}-{facts['DE37']}"}))


def _held(line: Mapping[str, Any]) -> Held:
    """An order of the kit's book."""
    reference = line["facts"].get("asked_as", line["reference"])
    is_paid, calls = line["decided_state"] == "paid", line["calls"]
    refunds = [one for one in line["refunds"] if one["state"] == "done"]
    return Held(
        reference=reference,
        word="reversed" if line["reason"] == "reversed" else line["state"],
        taken=line["amount_paisa"] if is_paid else 0,
        told=line["told_paisa"] if is_paid else 0,
        fee=line["fee_paisa"] + line["fee_vat_paisa"] if is_paid else 0,
        # MPGS numbers movements anew in each order, after the tries that failed.
        names=frozenset(
            {line["transaction_id"], f"{reference}/{len(line['tries']) + 1}", *line["facts"].values()}
        ),
        given_back=[
            (
                frozenset({one["refund_id"], one["reference"], reference, *one["facts"].values()}),
                one["amount_paisa"],
            )
            for one in refunds
        ],
        was_asked_again=calls.get("status", 0) > 1 or calls.get("take", 0) > 1 or "0420" in calls,
    )


class Bkash(Provider):
    """The simulated bKash."""

    _KINDS: Mapping[Acts, WalletKind] = {
        Acts.PAYS: WalletKind.NORMAL,
        Acts.IS_REFUSED: WalletKind.INSUFFICIENT_BALANCE,
        Acts.IS_DECLINED: WalletKind.BLOCKED,
        Acts.OTHER_AMOUNT: WalletKind.OTHER_AMOUNT,
        Acts.CLAIMS: WalletKind.SAYS_SUCCESS,
    }

    def __init__(self, site: Site) -> None:
        """Nothing is asked yet."""
        super().__init__(BKASH, site)

    @property
    def desk(self) -> BkashAdminClient:
        """Its desk."""
        return self.site.wallet

    @override
    def payer(self, acts: Acts, nth: int) -> Payer:
        return _wallet(self._KINDS[acts], nth)

    @override
    def late_payer(self, nth: int, *, is_moved: bool) -> Payer:
        return _wallet(WalletKind.EXECUTE_HANGS_DONE if is_moved else WalletKind.EXECUTE_HANGS_UNDONE, nth)

    @override
    async def hang(self, reference: str, *, is_moved: bool) -> None:
        """Nothing to order: it is in the wallet's number."""

    @override
    async def tell_again(self, reference: str, *, is_late: bool = False) -> None:
        if is_late:
            await self._notify(reference, NoticeKind.WEEK_LATE)
            return
        await self._notify(reference, NoticeKind.NOTIFICATION, times=5)
        await self._notify(reference, NoticeKind.SECOND_ID)

    @override
    async def tell_lies(self, reference: str, total: int) -> None:
        await stranger_notifies(self.site, reference, total)
        await self._notify(reference, NoticeKind.UNFOUNDED)

    async def _notify(self, reference: str, kind: NoticeKind, times: int = 1) -> None:
        (line,) = [one for one in await self._lines() if one["invoice"] == reference]
        order = {"kind": kind, "paymentID": line["paymentID"], "times": times}
        await self.desk.admin("POST", "sns", order)

    @override
    async def book(self) -> Mapping[str, Held]:
        return {line["invoice"]: _of_bkash(line) for line in await self._lines()}

    async def _lines(self) -> Sequence[Mapping[str, Any]]:
        lines: Sequence[Mapping[str, Any]] = (await self.desk.admin("GET", "dump"))["payments"]
        return lines


def _wallet(kind: WalletKind, nth: int) -> Payer:
    if kind is WalletKind.NORMAL:
        return Payer(f"{FIRST_NORMAL_WALLET + nth:0{WALLET_LENGTH}d}")
    return Payer(magic_wallet(kind, nth))


def _of_bkash(line: Mapping[str, Any]) -> Held:
    return Held(
        reference=line["invoice"],
        word="agreed" if line["is_verified"] and not line["trxID"] else line["status"].lower(),
        taken=line["amount_paisa"] * line["executes"],
        told=line["told_paisa"] * line["executes"],
        fee=line["fee_paisa"],
        names=frozenset({line["trxID"] or ""}),
        given_back=[(frozenset({one["refundTrxID"]}), one["amount_paisa"]) for one in line["refunds"]],
        was_asked_again=line["execute_calls"] > 0,
    )


def providers(site: Site) -> Mapping[str, Provider]:
    """The far side of every connector, by the connector's id; one that has none is missing."""
    found: dict[str, Provider] = {BKASH: Bkash(site)}
    for family, house in _houses():
        if house.id in CONNECTORS:
            kind = HostProvider if family == InstitutionName.ISO8583 else KitProvider
            found[house.id] = kind(house, family, site)
    return found


def _houses() -> Iterator[tuple[str, ProviderInstitution]]:
    for name, far_side in PROVIDER_FAMILIES.items():
        yield from ((str(name), house) for house in far_side.institutions)
