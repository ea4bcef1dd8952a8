"""A script holds everything that it promises, and the same seed writes the same one."""

from collections import Counter

from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient, Payable
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.paying import network_faults as network
from sandbox.rehearsals.demo.paying.script import (
    BadRequest,
    BadRequestKind,
    BillerIncident,
    PartnerOrder,
    PartnerPlan,
    RepeatKind,
    Scene,
    write_script,
)

DESKS: dict[str, type[BillerAdminClient]] = {
    desk.biller: desk for desk in (DescoAdminClient, BrebAdminClient, NescoAdminClient)
}


def script(plan: PartnerPlan) -> list[Scene]:
    payables = {
        biller: [
            Payable(biller, f"{biller}-{number:08d}", ({"bll_no": f"{number}"},), 50_000)
            for number in range(plan.payables_needed(biller))
        ]
        for biller in DESKS
    }
    return write_script(plan, payables, {biller: desk.mischief for biller, desk in DESKS.items()})


def orders_of(scenes: list[Scene]) -> list[PartnerOrder]:
    return [scene for scene in scenes if isinstance(scene, PartnerOrder)]


def test_the_same_seed_writes_the_same_script() -> None:
    assert script(PartnerPlan(4, 200, 3)) == script(PartnerPlan(4, 200, 3))
    assert script(PartnerPlan(4, 200, 3)) != script(PartnerPlan(5, 200, 3))


def test_everything_is_paid_by_one_order_and_no_other_scene_pays_it() -> None:
    scenes = script(PartnerPlan(1, 500, 3))
    used = [scene.bill.target for scene in scenes if isinstance(scene, PartnerOrder | BadRequest)]
    assert len(orders_of(scenes)) == 500
    assert len(set(used)) == len(used)
    assert set(Counter(order.partner for order in orders_of(scenes))) == {0, 1, 2}


def test_the_three_billers_share_the_payments() -> None:
    shares = Counter(order.bill.biller for order in orders_of(script(PartnerPlan(1, 2_000, 3))))
    assert shares == {"b025": 1_200, "b9001": 500, "b9002": 300}


def test_every_fault_of_every_biller_and_of_the_network_strikes() -> None:
    struck = Counter(
        (order.bill.biller, order.fault)
        for order in orders_of(script(PartnerPlan(1, 2_000, 3)))
        if order.fault
    )
    for biller, desk in DESKS.items():
        for fault in (*desk.mischief.faults, *(f"{network.PREFIX} {fault}" for fault in network.FAULTS)):
            assert struck[biller, fault] >= 1
        if desk.mischief.contradicting:
            assert struck[biller, desk.mischief.contradicting] == 1


def test_even_a_small_script_holds_every_kind_of_trouble() -> None:
    scenes = script(PartnerPlan(9, 60, 2))
    assert sum(order.fault is not None for order in orders_of(scenes)) >= 40
    assert {order.again for order in orders_of(scenes)} == {None, *RepeatKind}
    assert {scene.kind for scene in scenes if isinstance(scene, BadRequest)} == set(BadRequestKind)
    assert {scene for scene in scenes if isinstance(scene, BillerIncident)} == set(BillerIncident)
