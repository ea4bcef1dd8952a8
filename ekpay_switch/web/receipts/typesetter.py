"""Sets receipts as PDF in processes of their own: a few at once, each bounded in time; never an exception.

A receipt that cannot be set now is no error: the page itself is the receipt.
"""

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from ekpay_switch import telemetry

PROGRAM = "ekpay_switch.web.receipts.typeset"
# Not the switch's own environment: the child needs no key and no database. One thread, and few heaps, so
# that its memory does not grow with the machine.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class TypesetLimits:
    """At most `at_once` children, each for `seconds`; more than `waiting` that wait are refused."""

    at_once: int = 2
    waiting: int = 8
    seconds: float = 15.0


class Typesetter:
    """Makes PDFs, one child process each; made inside the loop that uses it."""

    def __init__(
        self, limits: TypesetLimits | None = None, command: Sequence[str] = (sys.executable, "-m", PROGRAM)
    ) -> None:
        self._limits = limits or TypesetLimits()
        self._command = command
        self._slots = asyncio.Semaphore(self._limits.at_once)
        self._requests = 0

    async def pdf(self, content: Mapping[str, object]) -> bytes | None:
        """The PDF, or None where none can be had now."""
        if self._requests >= self._limits.at_once + self._limits.waiting:
            telemetry.log_warning("receipt_pdf_refused", reason="too many at once")
            return None
        self._requests += 1
        try:
            async with self._slots:
                return await self._run_child(orjson.dumps(content))
        finally:
            self._requests -= 1

    async def _run_child(self, content: bytes) -> bytes | None:
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=ENVIRONMENT,
            )
        except OSError as problem:
            telemetry.count_error("receipt_pdf_not_started", error=problem)
            return None
        try:
            async with asyncio.timeout(self._limits.seconds):
                pdf, error_output = await child.communicate(content)
        except TimeoutError:
            telemetry.log_warning("receipt_pdf_broke_off", reason="it took too long")
            return None
        finally:
            await _stop_child(child)
        if child.returncode != 0 or not pdf.startswith(_PDF):
            # The last line names the error; whatever follows its name may quote the receipt.
            why = error_output.decode("utf-8", "replace").strip().rpartition("\n")[2].partition(":")[0]
            telemetry.log_warning("receipt_pdf_broke_off", reason=why, code=child.returncode)
            return None
        return pdf


async def _stop_child(child: asyncio.subprocess.Process) -> None:
    """Stop a child that still runs, also where its caller has disconnected."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
