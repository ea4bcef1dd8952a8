"""A script holds everything that it promises, and the same seed writes the same one."""

from collections import Counter

from sandbox.demo.desco_desk import UnpaidBill
from sandbox.demo.script import Again, Bad, BadRequest, Happening, Order, Plan, Scene, write_script
from sandbox.desco.faults import Fault


def script(plan: Plan) -> list[Scene]:
    bills = [UnpaidBill(f"1026{number:08d}", f"{number:08d}", 50_000) for number in range(plan.bills + 7)]
    return write_script(plan, bills)


def test_the_same_seed_writes_the_same_script() -> None:
    assert script(Plan(4, 200, 3)) == script(Plan(4, 200, 3))
    assert script(Plan(4, 200, 3)) != script(Plan(5, 200, 3))


def test_every_bill_is_paid_by_one_order_and_no_other_scene_pays_it() -> None:
    scenes = script(Plan(1, 500, 3))
    orders = [scene for scene in scenes if isinstance(scene, Order)]
    used = [scene.bill.number for scene in scenes if isinstance(scene, Order | BadRequest)]
    assert len(orders) == 500
    assert len(set(used)) == len(used)
    assert set(Counter(order.partner for order in orders)) == {0, 1, 2}


def test_three_in_a_hundred_payments_meet_a_fault() -> None:
    faults = [scene.fault for scene in script(Plan(1, 2_000, 3)) if isinstance(scene, Order) and scene.fault]
    assert len(faults) == 60
    assert Counter(faults)[Fault.ECHO_OTHER_AMOUNT] == 2


def test_even_a_small_script_holds_every_kind_of_trouble() -> None:
    scenes = script(Plan(9, 60, 2))
    orders = [scene for scene in scenes if isinstance(scene, Order)]
    assert {order.fault for order in orders} == {None, *Fault}
    assert {order.again for order in orders} == {None, *Again}
    assert {scene.kind for scene in scenes if isinstance(scene, BadRequest)} == set(Bad)
    assert {scene for scene in scenes if isinstance(scene, Happening)} == set(Happening)
