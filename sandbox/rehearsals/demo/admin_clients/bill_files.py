"""Steps of the demo for billers that exchange files: load their bills, and send the day's scroll.

Their own books contain a payment once its scroll was accepted, so the books are compared after that.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.registry import InstitutionName
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient, SimulatorAddress
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand, run_few_at_once

FAMILY = str(InstitutionName.BATCH)
_REHEARSAL = "rehearsal"
_USER = "ekpay"


class ScrollRefusedError(Exception):
    """An office refused a scroll; the text is its answer."""


class BillFileOffices:
    """The offices of a stage that exchange files with the switch; the files are kept in `folder`."""

    def __init__(self, tool: EkpayCommand, address: SimulatorAddress, folder: Path) -> None:
        """Nothing is sent yet."""
        self._tool = tool
        self._address = address
        self._folder = folder

    async def load_bills(self) -> None:
        """Import the newest bill file of every office into the switch.

        Raises:
            CommandFailedError: the switch refused one.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        async with AdminClient(self._address) as admin_client:
            await run_few_at_once(partial(self._load, admin_client), await self._biller_ids(admin_client))

    async def send_scrolls(self, began_on: date) -> None:
        """Send every office the scrolls of all Dhaka dates from a given one until today.

        A past date gets its last scroll, today its first.

        Raises:
            CommandFailedError: the switch made no scroll.
            ScrollRefusedError: an office refused one.
        """
        today = dhaka_day(utc_now())
        days = [began_on + timedelta(days=since) for since in range((today - began_on).days + 1)]
        async with AdminClient(self._address) as admin_client:
            await run_few_at_once(
                partial(self._send, admin_client, days), await self._biller_ids(admin_client)
            )

    async def _load(self, admin_client: AdminClient, biller_id: str) -> None:
        path = self._folder / f"bills-{biller_id}.csv"
        path.write_text(await admin_client.admin_text(f"bill_file?house={biller_id}"))
        await self._tool.run("billers", "load", biller_id, str(path))

    async def _send(self, admin_client: AdminClient, days: Sequence[date], biller_id: str) -> None:
        """Send one office its scrolls in the order of their dates, the last of which is today."""
        for day in days:
            path = self._folder / f"scroll-{biller_id}-{day}.csv"
            cycle = ("--cycle", "1") if day == days[-1] else ()
            order = ("--date", day.isoformat(), *cycle, "--out", str(path))
            await self._tool.run("billers", "scroll", biller_id, *order)
            await self._upload_scroll(admin_client, biller_id, path.read_bytes())

    async def _biller_ids(self, admin_client: AdminClient) -> Sequence[str]:
        answer = await admin_client.admin("GET", "houses")
        return [office["id"] for office in answer["houses"] if office["id"] != _REHEARSAL]

    async def _upload_scroll(self, admin_client: AdminClient, biller_id: str, scroll: bytes) -> None:
        base = f"/{FAMILY}/{biller_id}"
        login = await admin_client.call(
            f"{base}/login", {"user": _USER, "password": self._address.password}, {}
        )
        bearer = {"Authorization": f"Bearer {login['token']}"}
        receipt = await admin_client.call(f"{base}/scroll", scroll, bearer)
        if receipt.get("code") != "200":
            raise ScrollRefusedError(f"{biller_id}: {receipt}")
