"""The merchant account of ekShop at the switch, created by the same commands as that of a real merchant."""

import csv
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sandbox.callers.ekshop.catalogue import PAYEES
from sandbox.callers.ekshop.wire import Merchant
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, EkpayCommand
from sandbox.rehearsals.installation.parties import (
    PartiesUnreadableError,
    Person,
    ask_together,
    write_secret_json,
)

API_PATH = "/ekpaypg/v1"

_FILE = "ekshop.json"
_REG_ID = "ekshop_test"
# The shop calls from this machine, and one person may request a refund of any order.
_TERMS = ("networks=127.0.0.1", "refund_limit=100000.00", "debt_limit=1000000.00", "order_minutes=30")


@dataclass(frozen=True, slots=True)
class ShopAccount:
    """The ids and pass key of a shop; `place` is the `host:port` that it is registered with."""

    partner_id: str
    mer_reg_id: str
    place: str
    pass_key: str = field(repr=False)

    def merchant(self, switch_address: str) -> Merchant:
        """The credentials for its calls to the switch."""
        return Merchant(f"{switch_address.rstrip('/')}{API_PATH}", self.mer_reg_id, self.pass_key)


async def create_merchant(
    tool: EkpayCommand, by: Person, place: str, folder: Path, instruments: Sequence[str] = ()
) -> ShopAccount:
    """Create the merchant and its payees; payers and IPNs may only be sent to this `host:port`.

    It accepts these instruments, or all if none is named. The file of payees is written to `folder`.

    Raises:
        CommandFailedError: the switch refused, and not because the id is already in use.
    """
    terms = [f"return_hosts={place}", *_TERMS]
    terms += [f"instruments={' '.join(instruments)}"] if instruments else []
    try:
        credentials = await _add_merchant(tool, _REG_ID, terms)
    except CommandFailedError:
        # An earlier start may have created one for another `host:port`.
        credentials = await _add_merchant(tool, f"{_REG_ID}_{secrets.token_hex(3)}", terms)
    account = ShopAccount(
        credentials["partner_id"], credentials["mer_reg_id"], place, credentials["pass_key"]
    )
    payees = folder / "ekshop-payees.csv"
    with payees.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("code", "kind", "name"))
        writer.writerows((code, kind, name.english) for code, kind, name in PAYEES)
    await tool.run(
        "merchants", "payees", "import", account.partner_id, str(payees), "--by", by.name,
        EKPAY_STAFF_PASSPHRASE=by.passphrase,
    )  # fmt: skip
    return account


async def _add_merchant(tool: EkpayCommand, reg_id: str, terms: Sequence[str]) -> dict[str, str]:
    options = [option for term in terms for option in ("--set", term)]
    credentials: dict[str, str] = await ask_together(
        tool, "merchants", "add", reg_id, "--name-en", "ekShop", "--name-bn", "একশপ", *options
    )
    return credentials


def save(account: ShopAccount, folder: Path) -> None:
    """Store an account for the shop's own process, readable by its owner only."""
    write_secret_json(folder / _FILE, asdict(account))


def load(folder: Path) -> ShopAccount | None:
    """Return the account stored in this folder, or None if there is none.

    Raises:
        PartiesUnreadableError: its file holds something else.
    """
    try:
        return ShopAccount(**json.loads((folder / _FILE).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise PartiesUnreadableError(PartiesUnreadableError.__doc__) from problem
