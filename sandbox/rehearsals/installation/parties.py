"""Staff and partners of a stage: two members of staff, some partners, and money in their prefunds.

They are created by the commands of a real installation, so a top-up takes two persons here as well. Names and
institutions are invented.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sandbox.callers.partner.client import Partner
from sandbox.rehearsals.day.bank_transfers import note_transfer
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, EkpayCommand

Added = TypeVar("Added")

PARTNERS_MAX = 20
_PAISA = 100
BUCKETS = ("postpaid", "prepaid")

_STAFF = ("rahima", "tanvir")
_NAMES = ("Shapla Wallet", "Doyel Bank", "Kadam Agents")


class PartiesUnreadableError(Exception):
    """The file of the stage's partners cannot be read; delete it and start again to get new ones."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff, with the passphrase that the stage has set."""

    name: str
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StagePartner:
    """A partner of the stage: its id at the switch, and its credentials."""

    id: str
    name: str
    node_id: str
    syndicate_id: str
    user_id: str
    pass_key: str = field(repr=False)
    secret: str = field(repr=False)

    def credentials(self) -> Partner:
        """The credentials for its client."""
        return Partner(self.node_id, self.syndicate_id, self.user_id, self.pass_key, self.secret)


@dataclass(frozen=True, slots=True)
class Parties:
    """Staff and partners of a stage, and the switch's address."""

    address: str
    staff: tuple[Person, ...]
    partners: tuple[StagePartner, ...]

    def partner(self, name: str | None) -> StagePartner | None:
        """The partner with this id or name, or the first one if none is named."""
        if name is None:
            return self.partners[0]
        return next((player for player in self.partners if name in {player.id, player.name}), None)


async def create_parties(tool: EkpayCommand, address: str, partners: int) -> Parties:
    """Create two members of staff and the given number of partners.

    Raises:
        CommandFailedError: the switch refused, and not because a name is already in use.
    """
    staff = await staff_of(tool)
    players = await asyncio.gather(*(_add_partner(tool, number) for number in range(partners)))
    return Parties(address, staff, tuple(players))


async def top_up(
    tool: EkpayCommand, cast: Parties, player: StagePartner, bucket: str, amount_taka: int
) -> None:
    """Put money into one of a partner's prefunds: one person asks, the other approves.

    The bank has it on its statement.
    """
    asking, approving = cast.staff
    reference = f"DEMO-{secrets.token_hex(6)}"
    if tool.home_folder is not None:
        note_transfer(tool.home_folder, reference, amount_taka * _PAISA)
    await tool.run(
        "partners", "top-up", player.id, bucket, str(amount_taka),
        "--reference", reference, "--by", asking.name, "--approved-by", approving.name,
        EKPAY_STAFF_PASSPHRASE=asking.passphrase, EKPAY_APPROVER_PASSPHRASE=approving.passphrase,
    )  # fmt: skip


async def rotate_secret(tool: EkpayCommand, player: StagePartner) -> StagePartner:
    """Rotate a partner's secret, which ends its security tokens; return the partner with the new secret."""
    rotated = await ask_together(tool, "partners", "rotate-secret", player.id)
    return StagePartner(**{**asdict(player), "secret": rotated["shared_secret"]})


async def prefund_paisa(tool: EkpayCommand) -> dict[tuple[str, str], int]:
    """The balance of every prefund, in paisa by partner and bucket."""
    listed = await tool.read("partners", "list", "--json")
    return {(partner["id"], bucket): partner["prefunds"][bucket] for partner in listed for bucket in BUCKETS}


def save(cast: Parties, folder: Path) -> None:
    """Store the parties for commands that act as a partner later, readable by their owner only."""
    write_secret_json(
        folder / "partners.json", {"address": cast.address, "partners": _as_documents(cast.partners)}
    )
    _save_staff(cast.staff, folder)


def load(folder: Path) -> Parties | None:
    """Return the parties stored in this folder, or None if there are none.

    Raises:
        PartiesUnreadableError: its files hold something else.
    """
    try:
        partners = json.loads((folder / "partners.json").read_text())
        people = _load_staff(folder)
        players = tuple(StagePartner(**fields) for fields in partners["partners"])
        return Parties(str(partners["address"]), people, players)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise PartiesUnreadableError(PartiesUnreadableError.__doc__) from problem


def write_secret_json(path: Path, content: object) -> None:
    """Write JSON that holds secrets: atomically, and readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    partial.replace(path)


def _as_documents(people: Sequence[Any]) -> list[dict[str, object]]:
    return [asdict(person) for person in people]


async def staff_of(tool: EkpayCommand) -> tuple[Person, ...]:
    """The two persons of a stage: those that its home names, or the first two, who are named there then.

    Raises:
        PartiesUnreadableError: the home's file of staff holds something else.
    """
    if tool.home_folder is None:
        return await _found_staff(tool)
    folder = tool.home_folder / "sandbox"
    try:
        return _load_staff(folder)
    except FileNotFoundError:
        people = await _found_staff(tool)
        _save_staff(people, folder)
        return people
    except (ValueError, KeyError, TypeError) as problem:
        raise PartiesUnreadableError(PartiesUnreadableError.__doc__) from problem


async def ask_together(tool: EkpayCommand, *words: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Ask for a partner, merchant or key: one person asks, the other approves, and both are there.

    Returns what the approval shows once.
    """
    return json.loads(await print_together(tool, *words))


async def print_together(tool: EkpayCommand, *words: str) -> str:
    """See `ask_together`; what was printed, as it is."""
    asking, approving, *_ = await staff_of(tool)
    return await tool.run(
        *words, "--by", asking.name, "--approved-by", approving.name, "--json",
        EKPAY_STAFF_PASSPHRASE=asking.passphrase, EKPAY_APPROVER_PASSPHRASE=approving.passphrase,
    )  # fmt: skip


def _save_staff(people: Sequence[Person], folder: Path) -> None:
    write_secret_json(folder / "staff.json", {"staff": _as_documents(people)})


def _load_staff(folder: Path) -> tuple[Person, ...]:
    staff = json.loads((folder / "staff.json").read_text())["staff"]
    return tuple(Person(**fields) for fields in staff)


async def _found_staff(tool: EkpayCommand) -> tuple[Person, ...]:
    """The first two persons of an installation.

    Where others were there before, whose passphrases nobody here knows, they are lost: the stage owns its
    database, which puts two in their place.
    """
    standing = await tool.read("staff", "list", "--json")
    if not standing:
        people = tuple(_person(name) for name in _STAFF)
        for person in people:
            await tool.run("staff", "add", person.name, EKPAY_STAFF_PASSPHRASE=person.passphrase)
        return people
    lost = [word for member in standing if member["is_enabled"] for word in ("--lost", member["name"])]
    people = tuple(_person(f"{name}-{secrets.token_hex(3)}") for name in _STAFF)
    for person in people:
        reason = ("--reason", "the stage has lost the passphrases")
        await tool.run(
            "staff", "recover", person.name, *reason, *lost, EKPAY_STAFF_PASSPHRASE=person.passphrase
        )
        lost = []
    return people


async def add_staff_member(tool: EkpayCommand, name: str, by: Sequence[Person]) -> Person:
    """Create another member of staff: the first of `by` asks, the second approves."""
    asking, approving, *_ = by

    async def _add(free_name: str) -> Person:
        person = _person(free_name)
        asked = await tool.read(
            "staff", "ask", person.name, "--role", "finance", "--by", asking.name, "--json",
            EKPAY_STAFF_PASSPHRASE=asking.passphrase,
        )  # fmt: skip
        approved = await tool.read(
            "staff", "approve", asked["id"], "--by", approving.name, "--json",
            EKPAY_APPROVER_PASSPHRASE=approving.passphrase,
        )  # fmt: skip
        code = f"{asked['code_part']} {approved['code_part']}"
        await tool.run(
            "staff", "passphrase", person.name,
            EKPAY_STAFF_CODE=code, EKPAY_STAFF_PASSPHRASE=person.passphrase,
        )  # fmt: skip
        return person

    return await add_under_free_name(name, _add)


def _person(name: str) -> Person:
    return Person(name, secrets.token_urlsafe(15))


async def _add_partner(tool: EkpayCommand, number: int) -> StagePartner:
    name = _NAMES[number] if number < len(_NAMES) else f"Partner {number + 1}"

    async def _add(free_id: str) -> StagePartner:
        credentials = await ask_together(tool, "partners", "add", free_id, "--name", name)
        return StagePartner(
            id=free_id,
            name=name,
            node_id=credentials["nd_id"],
            syndicate_id=credentials["syndct_id"],
            user_id=credentials["user_id"],
            pass_key=credentials["pass_key"],
            secret=credentials["shared_secret"],
        )

    return await add_under_free_name(name.lower().replace(" ", "-"), _add)


async def add_under_free_name(name: str, add: Callable[[str], Awaitable[Added]]) -> Added:
    """Add a party under this name, with a suffix if an earlier run already uses the name."""
    try:
        return await add(name)
    except CommandFailedError:
        return await add(f"{name}-{secrets.token_hex(3)}")
