"""A decision about an unidentified line that is reversed: the break of the line stands open again."""

from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.ports.finance import Finance
from reconciliation.settlement.current_state import open_work, read_setting
from reconciliation.settlement.post_outcomes import post_outcomes
from reconciliation.settlement.unidentified.decisions import ItemProposal, ItemVerdict, decide, propose
from reconciliation.unidentified.items import ItemAction
from tests.reconciliation.nightly.stage import MON, SUN, TUE, WED
from tests.reconciliation.nightly.test_bank_transfers import sound, staffed, statement
from tests.reconciliation.nightly.test_unidentified_nights import LINE, PREFUND, follow, is_sound, linked
from tests.reconciliation.resolutions.test_case_thirteen import Switch
from tests.reconciliation.settlement.sample_lines import THU

FRI, SAT, AFTER = (THU + timedelta(days=days) for days in (1, 2, 3))


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> Switch:
    return Switch(place, tmp_path / "home")


async def reversed_by_two(stage: Switch, number: int) -> None:
    async with open_work(read_setting(cast("Finance", stage))) as work:
        await propose(work, ItemProposal(number, ItemAction.REVERSE, "wrong partner", "rahima"))
        await decide(work, ItemVerdict(number, "karim", approves=True), post_outcomes)


async def test_the_break_of_a_line_stands_open_again_once_its_decision_is_reversed(stage: Switch) -> None:
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, LINE)
    await sound(stage, MON)
    assert (await follow(stage)).found == (1,)
    await sound(stage, TUE)
    await stage.rows(PREFUND)
    await linked(stage, 1, "prefund:bank1:postpaid")
    assert ("FILE_ONLY", "PARTNER-7", "closed") in await sound(stage, WED)
    await reversed_by_two(stage, 1)
    assert ("FILE_ONLY", "PARTNER-7", "open") in await sound(stage, THU)
    assert await stage.events("PARTNER-7") == ["FILE_ONLY found", "FILE_ONLY closed", "FILE_ONLY reopened"]
    assert [row["subject"] for row in await stage.alarms_of_breaks() if row["ended_at"] is None]
    # Decided anew and reversed anew, it ends and stands again, each by a row of its own.
    await linked(stage, 1, "prefund:bank1:postpaid")
    assert ("FILE_ONLY", "PARTNER-7", "closed") in await sound(stage, FRI)
    await reversed_by_two(stage, 1)
    assert ("FILE_ONLY", "PARTNER-7", "open") in await sound(stage, SAT)
    await linked(stage, 1, "prefund:bank1:postpaid")
    assert ("FILE_ONLY", "PARTNER-7", "closed") in await sound(stage, AFTER)
    assert await is_sound(stage)
