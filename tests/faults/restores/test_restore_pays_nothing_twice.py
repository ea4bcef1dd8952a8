"""Back up, pay, restore: what the database has lost is asked back, and nothing is paid twice.

The books of DESCO, BREB and NESCO are those of the billers, which no restore reaches. The folder of the
embedded database is copied while its server stands still.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.callers.partner.client import PartnerClient
from sandbox.rehearsals.demo.paying.partner import PartnerSide, Reference
from tests.faults.billers.books import theirs_of
from tests.faults.billers.cells import HURRY
from tests.faults.billers.stage import Site, open_site

DIVISOR = 10
PAID = "0000"
FAR_SIDES = {"desco": "b025", "breb": "b9001", "nesco": "b9002"}
METER = "84000000"


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that a partner was told of."""

    far_side: str
    fetched: Mapping[str, Any]
    reference: Reference


async def test_restore_pays_nothing_twice(tmp_path: Path) -> None:
    async with open_site(tmp_path, DIVISOR, HURRY, partners=1) as site:
        await site.stage.children.watched(_play(site))


async def _play(site: Site) -> None:
    player, tool = site.cast.partners[0], site.stage.tool
    bills = {name: [one.named[0] for one in await site.desks[name].payables(2)] for name in ("desco", "breb")}
    async with PartnerClient(site.cast.address, player.credentials()) as client:
        side = PartnerSide(player, client)
        known = await _pay(side, "desco", bills["desco"][0])
        async with _standing_still(site):
            await _copy(site, "data", "backup")
        named = {"desco": bills["desco"][1], "breb": bills["breb"][0], "nesco": _a_vend()}
        lost = [await _pay(side, far_side, bill) for far_side, bill in named.items()]
        async with _standing_still(site):
            await _copy(site, "backup", "data")
            is_served, _ = await tool.ask("serve")
            assert not is_served
            checked = await tool.read("restore", "check", "--json")
            assert _states(checked) == dict.fromkeys(FAR_SIDES, ("posted", True))
            assert _states(await tool.read("restore", "check", "--json")) == _states(checked)
            booked = await tool.read("restore", "book", "--json")
            assert _states(booked) == dict.fromkeys(FAR_SIDES, ("posted", False))
            await _release(site)
        for paid in (known, *lost):
            tokens = list(paid.reference.tokens)
            assert await side.pay(paid.fetched, paid.reference) == PAID
            assert await side.ask(paid.reference) == PAID
            assert paid.reference.tokens == tokens * 3
    assert [await _count(site, paid) for paid in lost] == [1, 1, 1]
    states = await site.rows("SELECT state, count(*) AS number FROM payments GROUP BY state")
    assert {row["state"]: row["number"] for row in states} == {"completed": 4}
    is_sound, finding = await tool.ask("audit")
    assert is_sound, finding


async def _pay(side: PartnerSide, far_side: str, bill: Mapping[str, str]) -> Paid:
    fetched = await side.fetch(FAR_SIDES[far_side], **bill)
    reference = side.new_reference_for(fetched)
    assert await side.pay(fetched, reference) == PAID
    assert bool(reference.tokens) is (far_side == "nesco")
    return Paid(far_side, fetched, reference)


async def _release(site: Site) -> None:
    """Two persons let the database be served again."""
    tool, (asker, approver) = site.stage.tool, site.cast.staff
    (restore,) = await tool.read("restore", "status", "--json")
    asked = ("--reason", "asked back and booked", "--by", asker.name)
    await tool.run("restore", "release", restore["id"], *asked, EKPAY_STAFF_PASSPHRASE=asker.passphrase)
    approved = ("--by", approver.name)
    secret = {"EKPAY_APPROVER_PASSPHRASE": approver.passphrase}
    await tool.run("restore", "approve", restore["id"], *approved, **secret)


def _a_vend() -> Mapping[str, str]:
    return {"bllr_accno": METER, "amount": "500"}


def _states(lines: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, bool]]:
    names = {"desco_postpaid": "desco", "breb_postpaid": "breb", "nesco_prepaid": "nesco"}
    return {names[line["far_side"]]: (line["state"], line["is_open"]) for line in lines}


@asynccontextmanager
async def _standing_still(site: Site) -> AsyncIterator[None]:
    """The switch stopped and its database too; the database starts when a command needs it."""
    for process in ("switch", "worker"):
        await site.stage.children.stop(process)
    # This process has opened the database as well, and counts as one of its users.
    await site.stage.tool.run("db", "stop", "--force")
    yield
    await site.stage.open_switch()


async def _copy(site: Site, source: str, target: str) -> None:
    """Copy a folder of the home with its owners and modes."""
    home = site.stage.setting.home_folder
    commands: Sequence[Sequence[str]] = (["rm", "-rf", target], ["cp", "-a", source, target])
    for command in commands:
        await asyncio.to_thread(subprocess.run, command, cwd=home, check=True)


async def _count(site: Site, paid: Paid) -> int:
    """How often a biller holds a payment."""
    book = await site.book(paid.far_side)
    return theirs_of(paid.far_side, book, paid.reference.bill_number).count
