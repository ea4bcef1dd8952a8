"""Client of the simulated SMS gateway's admin API: what phones have received."""

import asyncio
import re
from collections.abc import Sequence
from urllib.parse import urlencode

from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient

_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
_NEWEST = 5
_LOOK_SECONDS = 0.5


class NoTextMessageError(Exception):
    """A text message that must come to a phone has not come."""


class SmsAdminClient(AdminClient):
    """Admin calls of the gateway; the switch sees none of them."""

    async def newest_code(self, mobile: str, patience_seconds: float) -> str:
        """The six digits of the newest code that was delivered to a number.

        Raises:
            NoTextMessageError: none came within the patience.
        """
        return (await self._wait_for(mobile, _CODE, patience_seconds))[0]

    async def wait_for(self, mobile: str, words: str, patience_seconds: float) -> None:
        """Wait until a message with these words was delivered to a number.

        Raises:
            NoTextMessageError: none came within the patience.
        """
        await self._wait_for(mobile, re.compile(re.escape(words)), patience_seconds)

    async def texts(self) -> Sequence[str]:
        """The texts of all messages that were taken, in their order."""
        return [message["body"] for message in (await self.admin("GET", "dump"))["messages"]]

    async def _wait_for(self, mobile: str, wanted: re.Pattern[str], patience_seconds: float) -> re.Match[str]:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + patience_seconds
        query = urlencode({"to": mobile, "count": _NEWEST})
        while loop.time() < give_up_at:
            answer = await self.admin("GET", f"messages?{query}")
            for message in answer["messages"]:
                found = wanted.search(message["body"])
                if message["is_delivered"] and found:
                    return found
            await asyncio.sleep(_LOOK_SECONDS)
        raise NoTextMessageError(f"no {wanted.pattern} came to {mobile} in {patience_seconds:.0f} s")
