"""What `ekpay status` reads: a line for each thing, and a mark where somebody has to look."""

import pytest

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.status_lines import read_status_lines
from ekpay_switch.persistence.worker_mark import move_worker_mark
from ekpay_switch.ports.status import StatusLine
from tests.persistence.books import REFUSED, Books

SILENT_FOR = """
UPDATE housekeeping_marks SET passed_until = now() - make_interval(secs => $1) WHERE chore = 'worker'
"""


async def lines_of(books: Books) -> dict[str, StatusLine]:
    connection = await books.database.connect("audit")
    try:
        return {line.label: line for line in await read_status_lines(connection)}
    finally:
        await connection.close()


async def test_nothing_is_marked_where_nothing_waits(books: Books) -> None:
    await books.tell(SILENT_FOR, 1.0)
    lines = await lines_of(books)
    assert [line.label for line in lines.values() if not line.is_well] == []
    assert lines["Database"].text.startswith("PostgreSQL 18")
    assert lines["Today"].text.startswith("no payment on ")
    assert lines["Open"].text == "every payment has ended"
    assert lines["Alarms"].text == "nothing waits for a person"
    assert lines["Notifications"].text == "all are delivered"
    assert lines["Connectors"].text == "none is cut off"


async def test_payments_of_today_are_counted_by_state_with_what_was_paid(books: Books) -> None:
    await books.partner(prefund=100_000)
    await books.start(total=6_000)
    await books.finish(await books.start(total=7_000))
    refused = await books.start(total=8_000)
    await books.finish(refused, REFUSED)
    lines = await lines_of(books)
    assert lines["Today"].text == "3 payments, 210.00 taka: 1 completed, 1 delivering, 1 refunded"
    assert lines["Open"].text.startswith("1 delivering; the oldest since 20")


@pytest.mark.parametrize(
    ("seconds", "span", "is_well"),
    [(5, "5 s", True), (300, "5 minutes", False), (7_300, "2 hours", False), (400_000, "4 days", False)],
)
async def test_a_worker_that_is_silent_is_marked(
    seconds: int, span: str, *, is_well: bool, books: Books
) -> None:
    engine = books.database.engine()
    await move_worker_mark(engine)
    await engine.dispose()
    await books.tell(SILENT_FOR, float(seconds))
    line = (await lines_of(books))["Worker"]
    assert line.is_well is is_well
    assert line.text.startswith(f"its last round was {span[0]}")
    assert line.text.endswith(f"{span.partition(' ')[2]} ago")


async def test_alarms_are_counted_by_owner_and_overdue_ones_are_marked(books: Books) -> None:
    connection = await books.database.connect()
    await raise_alarms(connection, [RaisedAlarm(Alarm.UNIDENTIFIED_CREDIT, "unidentified 1", amount=5_000)])
    await raise_alarms(connection, [RaisedAlarm(Alarm.SHUT_OUT, "biller desco")])
    await connection.close()
    lines = await lines_of(books)
    assert lines["For operator"].text == "alarms open 2, overdue 0, 50.00 taka"
    assert lines["For operator"].is_well
    await books.tell("UPDATE alarms SET due_on = '2020-01-01' WHERE kind = 'unidentified_credit'")
    line = (await lines_of(books))["For operator"]
    assert (line.text, line.is_well) == ("alarms open 2, overdue 1, 50.00 taka", False)
    assert "Alarms" not in lines


async def test_a_connector_that_is_cut_off_is_named(books: Books) -> None:
    await books.tell(
        "INSERT INTO connector_breakers (connector_id, state, probe_until) VALUES ('bkash', 'open', now())"
    )
    line = (await lines_of(books))["Connectors"]
    assert (line.text, line.is_well) == ("cut off, and tried again by turns: bkash", False)
