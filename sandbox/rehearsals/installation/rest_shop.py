"""A shop of the stage: a partner with an API key of REST v1 and a return page for its payers."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, EkpayCommand
from sandbox.rehearsals.installation.parties import (
    PartiesUnreadableError,
    add_under_free_name,
    ask_together,
    print_together,
    write_secret_json,
)

_FILE = "shop.json"
_NAME = "Padma Bazar"
# The command prints more than the key.
_KEY = re.compile(r"\bsk_[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True, slots=True)
class RestShop:
    """A shop: its partner id, the `host:port` of its return page, and its API key."""

    partner_id: str
    place: str
    key: str = field(repr=False)

    @property
    def port(self) -> int:
        """The port of its return page."""
        return int(self.place.rpartition(":")[2])


async def create_shop(tool: EkpayCommand, place: str) -> RestShop:
    """Create a partner that only collects, with an API key.

    Raises:
        CommandFailedError: the switch refused, and not because the name is already in use.
    """

    async def _add(free_id: str) -> str:
        await ask_together(tool, "partners", "add", free_id, "--name", _NAME)
        return free_id

    partner_id = await add_under_free_name(_NAME.lower().replace(" ", "-"), _add)
    return await open_account(tool, partner_id, place)


async def open_account(tool: EkpayCommand, partner_id: str, place: str) -> RestShop:
    """Create an API key for a partner, whose payers may be sent back to this `host:port`.

    Raises:
        CommandFailedError: the switch refused, or printed no key.
    """
    printed = await print_together(tool, "partners", "add-key", partner_id, "--return-host", place)
    match = _KEY.search(printed)
    if match is None:
        raise CommandFailedError("ekpay partners add-key: no key was printed")
    return RestShop(partner_id, place, match[0])


def save(shop: RestShop, folder: Path) -> None:
    """Store a shop for the command that collects later, readable by its owner only."""
    write_secret_json(folder / _FILE, asdict(shop))


def load(folder: Path) -> RestShop | None:
    """Return the shop stored in this folder, or None if there is none.

    Raises:
        PartiesUnreadableError: its file holds something else.
    """
    try:
        return RestShop(**json.loads((folder / _FILE).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise PartiesUnreadableError(PartiesUnreadableError.__doc__) from problem
