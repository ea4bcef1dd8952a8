"""A script of payers holds every trouble that each family knows, over all providers, and follows its seed."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from ekpay_switch.cli.connectors.commands import app
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.providers.bkash.wallets import BkashWallets, WalletKind
from sandbox.registry import PROVIDER_FAMILIES
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.collecting.provider_scenarios import (
    ANY_PAGE,
    BKASH,
    BKASH_PAYERS,
    KNOWN,
    NORMAL,
    PAYERS,
    UNKNOWN,
    DemoProvider,
    UnknownPayerError,
    providers_of,
)
from sandbox.rehearsals.demo.collecting.scenarios import (
    STEPS_OF_COURSE,
    CollectionCourse,
    NextAction,
    PayerOrder,
)
from sandbox.rehearsals.demo.collecting.script import (
    BKASH_PERCENT,
    COLLECTED_MIN,
    PayerPlan,
    write_payer_script,
)
from tests.sandbox.kit.provider.sample_family import Sample

BILLERS = (DescoAdminClient.biller, BrebAdminClient.biller, NescoAdminClient.biller)
FAMILIES = list(PROVIDER_FAMILIES.values())


@pytest.fixture(scope="module")
def listed() -> list[dict[str, Any]]:
    """What the switch says of its connectors, as the demo reads it."""
    told: list[dict[str, Any]] = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    return told


@pytest.fixture
def providers(listed: list[dict[str, Any]]) -> Sequence[DemoProvider]:
    return providers_of(listed, FAMILIES)[0]


def script(plan: PayerPlan) -> list[PayerOrder]:
    payables = {
        biller: [
            Payable(biller, f"{biller}-{number}", ({"bllr_accno": f"{number}"},), 50_000)
            for number in range(plan.payables_needed(biller))
        ]
        for biller in BILLERS
    }
    return write_payer_script(plan, payables)


# ---- who collects


def test_every_connector_of_the_switch_is_played_here(listed: list[dict[str, Any]]) -> None:
    providers, others = providers_of(listed, FAMILIES)
    assert others == []
    assert [one.id for one in providers] == [line["id"] for line in listed]
    assert {one.family for one in providers} == {BKASH, *(family.family for family in FAMILIES)}


def test_a_connector_that_nobody_plays_is_told_and_one_that_is_off_is_not(
    listed: list[dict[str, Any]],
) -> None:
    providers, others = providers_of(listed, [])
    assert [one.id for one in providers] == [BKASH]
    assert others == [line["id"] for line in listed if line["id"] != BKASH]
    assert providers_of([line | {"status": "off"} for line in listed], FAMILIES) == ([], [])


LINE = {
    "id": "getpay",
    "status": "active",
    "refunds": {"parts_max": 2},
    "executes": False,
    "charge_basis_points": 150,
}


def test_a_family_that_no_table_names_plays_what_every_page_can() -> None:
    (provider,) = providers_of([LINE], [Sample])[0]
    assert (provider.family, provider.kind, provider.parts_max) == ("sample", PayerKind.WALLET, 2)
    back = {
        CollectionCourse.REFUND_WHOLE,
        CollectionCourse.REFUND_PART,
        CollectionCourse.BILLER_REFUSES,
        CollectionCourse.PAID_TOO_LATE,
    }
    assert set(provider.courses()) == {CollectionCourse.PLAIN, *ANY_PAGE, *back}
    assert {order.connector for order in script(PayerPlan(1, 20, [provider]))} == {"getpay"}


def test_what_a_provider_gives_back_decides_what_is_left_to_finance() -> None:
    (none,) = providers_of([LINE | {"refunds": None}], [Sample])[0]
    assert set(none.courses()) >= {
        CollectionCourse.REFUND_OWED, CollectionCourse.BILLER_REFUSES_BY_HAND,
        CollectionCourse.PAID_TOO_LATE_BY_HAND,
    }  # fmt: skip
    assert not set(none.courses()) & {
        CollectionCourse.REFUND_WHOLE,
        CollectionCourse.BILLER_REFUSES,
        CollectionCourse.PAID_TOO_LATE,
    }
    (executes,) = providers_of([LINE | {"executes": True}], [Sample])[0]
    assert CollectionCourse.PAID_TOO_LATE not in executes.courses()
    (parts,) = providers_of([LINE | {"refunds": {"parts_max": 3}}], [Sample])[0]
    assert CollectionCourse.REFUND_PARTS in parts.courses()


def test_the_tables_name_only_what_is_there(providers: Sequence[DemoProvider]) -> None:
    assert set(KNOWN) == {one.family for one in providers}
    assert set(UNKNOWN) <= {one.id for one in providers}


# ---- who pays


def test_every_course_of_every_provider_has_a_payer(providers: Sequence[DemoProvider]) -> None:
    for provider in providers:
        if provider.id == BKASH:
            continue
        payers = Payers(provider.kind, 2_000, provider.own_kinds)
        for course in provider.courses():
            magic = payers.magic(provider.number(course, 7))
            assert magic is not None
            assert magic.name == PAYERS.get(course, (NORMAL, None))[0]


def test_every_wallet_of_bkash_behaves_as_its_course_wants(providers: Sequence[DemoProvider]) -> None:
    (bkash,) = (one for one in providers if one.id == BKASH)
    world = BkashWallets(2_000)
    for course in bkash.courses():
        assert world.kind(bkash.number(course, 7)) is BKASH_PAYERS.get(course, WalletKind.NORMAL)


def test_a_payer_whom_nobody_knows_is_an_error() -> None:
    (provider,) = providers_of([LINE], [Sample])[0]
    with pytest.raises(UnknownPayerError, match="getpay has no payer of the kind fraud"):
        provider.number(CollectionCourse.FRAUD, 0)


def test_the_thousandth_payer_is_one_as_well() -> None:
    (provider,) = providers_of([LINE], [Sample])[0]
    assert provider.number(CollectionCourse.DECLINED, 1_007) == provider.number(CollectionCourse.DECLINED, 7)


# ---- the script


def test_the_same_seed_writes_the_same_script(providers: Sequence[DemoProvider]) -> None:
    assert script(PayerPlan(4, 400, providers)) == script(PayerPlan(4, 400, providers))
    assert script(PayerPlan(4, 400, providers)) != script(PayerPlan(5, 400, providers))


@pytest.mark.parametrize("payments", [COLLECTED_MIN, 137, 400, 1_000])
def test_every_course_is_taken_in_every_family_that_knows_it(
    providers: Sequence[DemoProvider], payments: int
) -> None:
    families = {one.id: one.family for one in providers}
    orders = script(PayerPlan(1, payments, providers))
    taken = {(families[order.connector], order.course) for order in orders}
    assert taken == {(one.family, course) for one in providers for course in one.courses()}
    assert {order.connector for order in orders if order.course is CollectionCourse.PLAIN} == set(families)
    known = {one.id: one.courses() for one in providers}
    assert all(order.course in known[order.connector] for order in orders)


def test_every_bill_is_used_once(providers: Sequence[DemoProvider]) -> None:
    plan = PayerPlan(1, 400, providers)
    orders = script(plan)
    assert len(orders) == sum(plan.payables_needed(biller) for biller in BILLERS)
    assert len({order.bill.target for order in orders}) == len(orders)
    assert set(Counter(order.bill.biller for order in orders)) == set(BILLERS)


def test_bkash_has_its_share_and_the_others_have_theirs_alike(providers: Sequence[DemoProvider]) -> None:
    counts = Counter(order.connector for order in script(PayerPlan(1, 1_000, providers)))
    assert counts.pop(BKASH) == 1_000 * BKASH_PERCENT // 100
    assert max(counts.values()) - min(counts.values()) <= 5
    assert sum(counts.values()) <= 850


def test_whoever_is_to_be_too_late_comes_first_and_buys_what_is_quoted_for_minutes(
    providers: Sequence[DemoProvider],
) -> None:
    orders = script(PayerPlan(1, 400, providers))
    lapsing = [order for order in orders if order.course is CollectionCourse.LAPSED]
    assert orders[: len(lapsing)] == lapsing
    assert {order.bill.biller for order in lapsing} == {NescoAdminClient.biller}


def test_some_plain_orders_are_sent_twice(providers: Sequence[DemoProvider]) -> None:
    twice = [order.course for order in script(PayerPlan(1, 400, providers)) if order.is_sent_twice]
    assert set(twice) == {CollectionCourse.PLAIN}
    assert len(twice) >= 10


def test_every_course_has_a_conduct_and_says_how_its_refunds_must_end() -> None:
    assert set(STEPS_OF_COURSE) == set(CollectionCourse)
    for course, conduct in STEPS_OF_COURSE.items():
        gives_back = bool(conduct.biller_fault) + (conduct.next_action is NextAction.PAYS_TOO_LATE)
        assert len(conduct.refunds) == len(conduct.refund_percents) + gives_back, course
        assert sum(conduct.refund_percents) <= 100


def test_who_asks_for_a_refund_has_paid_a_biller_that_takes_payments_back(
    providers: Sequence[DemoProvider],
) -> None:
    orders = script(PayerPlan(7, COLLECTED_MIN, providers))
    refunded = [order for order in orders if order.steps.refund_percents]
    assert {order.bill.biller for order in refunded} == {BrebAdminClient.biller}
