import asyncio

import pytest

from sandbox.billers.desco.bills import DescoAccountKind
from sandbox.billers.desco.faults import MAGIC, DescoFault, DescoFaultTable
from sandbox.kit.institution.outage import Outage, OutageMode

PLAIN_KINDS = {
    DescoAccountKind.NORMAL,
    DescoAccountKind.ALREADY_PAID,
    DescoAccountKind.UNKNOWN,
    DescoAccountKind.THREE_BILLS,
}


@pytest.mark.parametrize("kind", DescoAccountKind)
def test_each_kind_of_account_either_misbehaves_or_is_plain(kind: DescoAccountKind) -> None:
    assert (kind in MAGIC) != (kind in PLAIN_KINDS)


def test_a_fault_strikes_as_often_as_ordered() -> None:
    table = DescoFaultTable()
    table.add("10000000", DescoFault.HTML, 2)
    struck = [table.take("022610000000", "10000000") for _ in range(3)]
    assert struck == [DescoFault.HTML, DescoFault.HTML, None]


def test_faults_of_one_number_strike_in_the_order_in_which_they_were_set() -> None:
    table = DescoFaultTable()
    table.add("10000000", DescoFault.LOST_UNPAID, 1)
    table.add("10000000", DescoFault.LOST_PAID, 1)
    assert [table.take("10000000"), table.take("10000000")] == [DescoFault.LOST_UNPAID, DescoFault.LOST_PAID]


def test_asking_calls_use_up_only_a_close_before() -> None:
    table = DescoFaultTable()
    table.add("10000000", DescoFault.LOST_PAID, 1)
    table.add("10000001", DescoFault.CLOSE_BEFORE, 1)
    assert not table.takes_close("10000000")
    assert table.takes_close("10000001")
    assert table.listing() == [{"number": "10000000", "fault": DescoFault.LOST_PAID, "times": 1}]


def test_clearing_forgets_every_fault() -> None:
    table = DescoFaultTable()
    table.add("10000000", DescoFault.SLOW, 9)
    table.clear()
    assert table.take("10000000") is None


async def test_an_outage_ends_by_itself() -> None:
    outage = Outage()
    outage.begin(OutageMode.HANG, 0.01)
    await asyncio.wait_for(outage.wait_until_over(), 60)
    assert outage.mode is OutageMode.NONE


async def test_a_new_outage_releases_the_calls_of_the_one_before() -> None:
    outage = Outage()
    outage.begin(OutageMode.HANG, None)
    held = asyncio.create_task(outage.wait_until_over())
    await asyncio.sleep(0)
    outage.begin(OutageMode.HTTP_503, None)
    await asyncio.wait_for(held, 60)
    assert outage.mode is OutageMode.HTTP_503
