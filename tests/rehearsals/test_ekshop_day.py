"""A small day as a person runs it, with the shops that real merchants are: both traps end right."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.rehearsals.ekshop.day.plan import ORDERS_MIN

EKPAY = Path(sys.executable).with_name("ekpay")


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("conduct", ["asking", "trusting"])
async def test_a_small_day_proves_both_books_and_leaves_nothing(tmp_path: Path, conduct: str) -> None:
    arguments = ("--orders", str(ORDERS_MIN), "--conduct", conduct, "--out", "day.json")
    process = await asyncio.create_subprocess_exec(
        str(EKPAY), "sandbox", "ekshop-day", *arguments,
        env=os.environ | {"EKPAY_HOME": str(tmp_path)},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    told: dict[str, Any] = json.loads((tmp_path / "day.json").read_text())
    assert (told["differences"], told["surprises"], told["audit"]) == ([], [], "clean")
    assert told["orders"] == ORDERS_MIN
    assert told["payments"] > ORDERS_MIN
    over = told["payments"] - told["courses"]["left for good"]
    assert told["ipns_taken"] == over
    # Nobody has goods for nothing: whoever believes returns knows less than there is, and never more.
    blind = told["courses"]["paid, and never sent back"] if conduct == "trusting" else 0
    assert told["standings"]["waiting"] == told["courses"]["left for good"] + blind
    assert "proven" in said.decode()
    assert names_in(tmp_path) == ["day.json"]
