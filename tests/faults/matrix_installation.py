"""What each whole installation of a matrix has: its books, its alarms, and a configuration in a hurry."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ekpay_switch.persistence.audit import run as audit
from ekpay_switch.persistence.engine import Database
from ekpay_switch.settings import Settings
from sandbox.rehearsals.installation.installation import Stage

# Everything that says when something about a payment was; the ledger and its chain are as they were.
AGE = """
UPDATE payments SET created_at = created_at - $2::interval, updated_at = updated_at - $2::interval,
  quote_expires_at = quote_expires_at - $2::interval WHERE id = $1;
UPDATE collections SET pay_until = pay_until - $2::interval WHERE payment_id = $1;
UPDATE attempts SET opened_at = opened_at - $2::interval, closed_at = closed_at - $2::interval,
  send_until = send_until - $2::interval WHERE payment_id = $1;
UPDATE tries SET page_until = page_until - $2::interval, asked_at = asked_at - $2::interval,
  collected_at = collected_at - $2::interval WHERE payment_id = $1;
UPDATE callbacks SET at = at - $2::interval WHERE provider_reference IN
  (SELECT provider_reference FROM tries WHERE payment_id = $1)
"""


@dataclass(frozen=True, slots=True)
class OpenSite:
    """The processes, and our books as an auditor and their owner reach them."""

    stage: Stage
    database: Database

    async def rows(self, query: str, *arguments: object) -> Sequence[Any]:
        """Read our books as an auditor may."""
        connection = await self.database.connect("audit")
        try:
            rows: Sequence[Any] = await connection.fetch(query, *arguments)
        finally:
            await connection.close()
        return rows

    async def age(self, payment_id: UUID, age: object) -> None:
        """Let everything about a payment have been so much earlier, as only the database's owner can."""
        connection = await self.database.connect("owner")
        try:
            async with connection.transaction():
                for statement in AGE.split(";\n"):
                    await connection.execute(statement, payment_id, age)
        finally:
            await connection.close()

    async def audited(self) -> str:
        """The first broken row of our books, or nothing."""
        finding = await audit.run(self.database)
        return "" if finding is None else str(finding)

    def alarms(self) -> Mapping[str, Sequence[str]]:
        """Every alarm that web process or worker has raised, by the payment that it is about."""
        found: dict[str, set[str]] = {}
        for name in ("switch", "worker"):
            for line in _log_lines(self.stage.setting.logs / f"{name}.log"):
                if line.get("event") == "alarm":
                    found.setdefault(str(line.get("payment_id")), set()).add(line["notice"])
        return {payment: sorted(notices) for payment, notices in found.items()}


def _log_lines(log: Path) -> Iterator[Mapping[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)


@contextmanager
def environment(home: Path, config: Path) -> Iterator[Settings]:
    """The environment that a stage hands on to its processes, put back at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(f"EKPAY_{name.upper()}", raising=False)
        patch.setenv("EKPAY_CONFIG", str(config))
        yield Settings(home=home, config=config)


def retimed(name: str, text: str, hurry: Mapping[str, str], *, needs_all: bool = False) -> str:
    """A manifest's text with other times, of which it may lack some unless `needs_all`."""
    for key, value in hurry.items():
        text, times = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value} ", text)
        assert times in ({1} if needs_all else {0, 1}), f"{name} has {times} lines of {key}"
    return text
