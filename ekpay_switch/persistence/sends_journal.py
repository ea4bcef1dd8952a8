"""The sends journal: one line before each money call, in a folder that no backup contains (docs/adr/0088).

A file a day (UTC), a line a send: what may be read, a tab, and a code by which a line that was cut off or
changed is recognised. What names a payer or a bill is sealed. A line is one `write` of an appending file, so
that it outlives the process, and lines of several processes do not mix; it begins with a line break, so that
a line that was cut off spoils none after it.
"""

import asyncio
import base64
import errno
import hashlib
import hmac
import os
import threading
from datetime import date, timedelta
from pathlib import Path

import orjson

from ekpay_switch import telemetry
from ekpay_switch.domain.sends import Send
from ekpay_switch.security.sealed_fields import Sealer

CODE_BYTES = 12
SYNC_SECONDS = 1.0
NAME, SUFFIX = "sends-", ".journal"


class FileSendsJournal:
    """The port `SendsJournal` over files of one folder, which is made when the first line is written.

    `code_key` makes the code of each line, `sealer` seals what is personal.
    """

    def __init__(self, folder: Path, code_key: bytes, sealer: Sealer) -> None:
        self._folder, self._code_key, self._sealer = folder, code_key, sealer
        self._day: date | None = None
        self._handle = -1
        self._is_dirty = False
        # Taken by the thread that syncs, so that no file is closed under it.
        self._lock = threading.Lock()

    def write(self, send: Send) -> bool:
        """See `ports.sends.SendsJournal`. Costs some thirty microseconds."""
        line = line_of(send, self._code_key, self._sealer)
        try:
            self._append(send.sent_at.date(), line)
        except OSError as error:
            telemetry.count_error("sends_journal_failed", error=error)
            return False
        return True

    def _append(self, day: date, line: bytes) -> None:
        if day != self._day:
            self._open(day)
        if os.write(self._handle, line) != len(line):
            raise OSError(errno.ENOSPC, "only a part of the line was written")
        self._is_dirty = True

    def _open(self, day: date) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._folder / file_name(day), flags, 0o600)
        with self._lock:
            self._close()
            self._handle, self._day = handle, day

    def sync(self) -> None:
        """Put what was written since the last time on the disk."""
        with self._lock:
            if self._is_dirty:
                self._is_dirty = False
                os.fsync(self._handle)

    def close(self) -> None:
        """Sync and close the file; the next line would open it again."""
        self.sync()
        with self._lock:
            self._close()
            self._handle, self._day = -1, None

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    async def keep_synced(self) -> None:
        """Sync each second, until cancelled."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await asyncio.to_thread(self.sync)
            except OSError as error:
                telemetry.count_error("sends_journal_failed", error=error)


def file_name(day: date) -> str:
    """The name of a day's file."""
    return f"{NAME}{day.isoformat()}{SUFFIX}"


def drop_old_sends(folder: Path, keep_days: int, today: date) -> int:
    """Remove the files of days that are over for more than `keep_days`; returns how many."""
    first = file_name(today - timedelta(days=keep_days))
    old = [file for file in folder.glob(f"{NAME}*{SUFFIX}") if file.name < first]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def line_of(send: Send, code_key: bytes, sealer: Sealer) -> bytes:
    """A send as its line."""
    sealed = sealer.seal(_context(send.reference), orjson.dumps(_personal(send)))
    text = orjson.dumps(
        {
            "kind": send.kind,
            "far_side": send.far_side,
            "reference": send.reference,
            "step": send.step,
            "payment_id": send.payment_id,
            "partner_id": send.partner_id,
            "amount": send.amount.minor,
            "currency": send.amount.currency,
            "sent_at": send.sent_at,
            "send_until": send.send_until,
            "sends": send.sends,
            "sealed": base64.b64encode(sealed).decode(),
        }
    )
    return b"\n%b\t%b\n" % (text, _code(text, code_key))


def _code(text: bytes, key: bytes) -> bytes:
    return hmac.digest(key, text, hashlib.sha256)[:CODE_BYTES].hex().encode()


def _context(reference: str) -> str:
    return f"send:{reference}"


def _personal(send: Send) -> dict[str, object]:
    """What names the payer or the bill, and what the far side must be asked with."""
    order, claim = send.order, send.claim
    parts: dict[str, object] = {}
    if order is not None:
        sums = order.sums
        parts["order"] = {
            "sums": [part.minor for part in (sums.amount, sums.charge, sums.fee, sums.vat, sums.rounding)],
            "biller_quote": dict(order.biller_quote),
            "scroll_no": order.scroll_no,
            "business_date": order.business_date,
        }
    if claim is not None:
        parts["claim"] = {
            "attempt_id": claim.attempt_id,
            "lane": claim.lane,
            "reference": claim.reference,
            "fingerprint": claim.fingerprint.hex(),
            "quote_id": claim.quote_id,
            "request_reference": claim.request_reference,
            "bucket": claim.bucket,
            "bill_key": claim.bill_key,
            "bill_number": claim.bill_number,
            "account": claim.account,
            "quote_expires_at": claim.quote_expires_at,
        }
    return parts
