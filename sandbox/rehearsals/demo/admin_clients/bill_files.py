"""What the demo does for billers that exchange files: their bills are loaded, and the day's scroll is sent.

Their own books hold a payment once its scroll has been taken, so the books are compared after that.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.registry import Name
from sandbox.rehearsals.demo.admin_clients.admin_client import Address, AdminDesk
from sandbox.rehearsals.installation.ekpay_command import Tool, few_at_once

FAMILY = str(Name.BATCH)
_REHEARSAL = "rehearsal"
_USER = "ekpay"


class ScrollRefusedError(Exception):
    """An office did not take a scroll; the text is its answer."""


class Offices:
    """The offices that exchange files with the switch on one stage; the files lie in `folder` meanwhile."""

    def __init__(self, tool: Tool, address: Address, folder: Path) -> None:
        """Nothing is sent yet."""
        self._tool = tool
        self._address = address
        self._folder = folder

    async def load_bills(self) -> None:
        """Let the switch take over the newest bill file of every office.

        Raises:
            ToolFailedError: the switch refused one.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        async with AdminDesk(self._address) as desk:
            await few_at_once(partial(self._load, desk), await self._houses(desk))

    async def send_scrolls(self, began_on: date) -> None:
        """Bring every office what was paid since a Dhaka date: a scroll for each date until now.

        A date that is over gets its last scroll, today its first.

        Raises:
            ToolFailedError: the switch made none.
            ScrollRefusedError: an office did not take it.
        """
        today = dhaka_day(utc_now())
        days = [began_on + timedelta(days=since) for since in range((today - began_on).days + 1)]
        async with AdminDesk(self._address) as desk:
            await few_at_once(partial(self._send, desk, days), await self._houses(desk))

    async def _load(self, desk: AdminDesk, house: str) -> None:
        path = self._folder / f"bills-{house}.csv"
        path.write_text(await desk.admin_text(f"bill_file?house={house}"))
        await self._tool.run("billers", "load", house, str(path))

    async def _send(self, desk: AdminDesk, days: Sequence[date], house: str) -> None:
        """One office's scrolls in the order of their dates, the last of which is today."""
        for day in days:
            path = self._folder / f"scroll-{house}-{day}.csv"
            cycle = ("--cycle", "1") if day == days[-1] else ()
            order = ("--date", day.isoformat(), *cycle, "--out", str(path))
            await self._tool.run("billers", "scroll", house, *order)
            await self._bring(desk, house, path.read_bytes())

    async def _houses(self, desk: AdminDesk) -> Sequence[str]:
        answer = await desk.admin("GET", "houses")
        return [house["id"] for house in answer["houses"] if house["id"] != _REHEARSAL]

    async def _bring(self, desk: AdminDesk, house: str, scroll: bytes) -> None:
        base = f"/{FAMILY}/{house}"
        told = await desk.call(f"{base}/login", {"user": _USER, "password": self._address.password}, {})
        bearer = {"Authorization": f"Bearer {told['token']}"}
        taken = await desk.call(f"{base}/scroll", scroll, bearer)
        if taken.get("code") != "200":
            raise ScrollRefusedError(f"{house}: {taken}")
