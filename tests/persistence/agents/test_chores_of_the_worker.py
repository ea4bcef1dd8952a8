"""The worker books what agents have earned and drops orders that nobody confirmed."""

import shutil
from pathlib import Path

from ekpay_switch.domain.money import Money
from ekpay_switch.settings import Settings
from tests.persistence.agents.counter_setup import AGENT, FEE, Centre
from tests.persistence.worker_setup import a_worker

RATES = """version = "2020-01-01"

[[commission]]
agent = "*"
basis_points = 4000
valid_from = 2020-01-01
"""


async def test_commission_is_booked_and_old_orders_are_dropped(centre: Centre, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(Settings().config, config)
    (config / "agents.toml").write_text(RATES)
    centre.take_fee()
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    paid = await centre.paid(operator, drawer)
    old = await centre.fetched(operator, drawer, "titas")
    await centre.books.tell(
        "UPDATE agent_orders SET fetched_at = now() - interval '1 year' WHERE id = $1", old.order_id
    )
    async with a_worker(centre.books, tmp_path, config):
        while await centre.books.count("agent_orders", "commission IS NULL"):
            assert await centre.books.count("agent_orders", "commission IS NOT NULL") <= 1
    order = await centre.counter.order(AGENT, paid.order_id)
    assert order is not None
    assert order.commission == Money(FEE * 4_000 // 10_000)
    assert await centre.counter.order(AGENT, old.order_id) is None
