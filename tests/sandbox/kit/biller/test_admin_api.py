"""What a family says to the admin calls, asked of the houses that are spoken to directly."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.billers.direct.family import DirectFamily
from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.faults import BillerFault
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.biller.switch_environment import settings_for_switch
from sandbox.kit.institution.clock import Clock
from sandbox.registry import BILLER_FAMILIES, DEFAULT_PORTS, InstitutionName
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

HOUSE = "dpdc_postpaid"


@pytest.fixture
async def desk(tmp_path: Path, clock: SetClock) -> AsyncIterator[CounterCaller]:
    settings = BillerSettings(home=tmp_path, accounts=20)
    async with served(DirectFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield CounterCaller(session, origin, DirectFamily.base_path)


async def test_the_houses_are_listed_with_the_one_for_rehearsals(desk: CounterCaller) -> None:
    houses = (await desk.admin("GET", "houses"))["houses"]
    assert [house["id"] for house in houses] == [house.id for house in DirectFamily.institutions]
    assert houses[-1] == {"id": "rehearsal", "name": "Rehearsal", "family": "direct"}


async def test_a_cast_names_a_bill_as_a_payer_would(desk: CounterCaller) -> None:
    cast = await desk.cast(HOUSE, nth=2)
    period = f"20{cast['bill_number'][:4]}"
    assert cast["fields"] == {"customer_no": "23400003", "bill_period": period}
    assert (cast["house"], cast["number"]) == (HOUSE, "23400003")
    assert cast["total_paisa"] > 0
    assert cast["due_on"] > "2026-02-01"


@pytest.mark.parametrize("kind", BillerAccountKind)
@pytest.mark.parametrize("house", DirectFamily.institutions, ids=lambda house: house.id)
async def test_every_house_has_accounts_of_every_kind(
    desk: CounterCaller, house: object, kind: BillerAccountKind
) -> None:
    house_id = getattr(house, "id", "")
    first, second = [await desk.cast(house_id, kind.name.lower(), nth) for nth in (0, 1)]
    assert first["number"] != second["number"]
    assert (first["total_paisa"] == 0) == (kind is BillerAccountKind.ALREADY_PAID)


@pytest.mark.parametrize(
    "query",
    [
        "house=other&kind=normal",
        "kind=normal",
        f"house={HOUSE}&kind=strange",
        f"house={HOUSE}&kind=normal&nth=20",
        f"house={HOUSE}&kind=slow&nth=1000",
        f"house={HOUSE}&kind=slow&nth=-1",
        f"house={HOUSE}&kind=slow&unheard=1",
    ],
)
async def test_a_cast_that_cannot_be_is_400(desk: CounterCaller, query: str) -> None:
    async with desk.session.get(f"{desk.origin}/_admin/cast?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "query", ["", f"house={HOUSE}", f"house={HOUSE}&date=today", "house=x&date=2026-03-10"]
)
async def test_a_day_that_cannot_be_is_400(desk: CounterCaller, query: str) -> None:
    async with desk.session.get(f"{desk.origin}/_admin/end_of_day?{query}") as answer:
        assert answer.status == 400


async def test_unpaid_bills_are_told_of_one_house_or_of_all(desk: CounterCaller) -> None:
    of_one = (await desk.admin("GET", f"unpaid?house={HOUSE}&count=30"))["bills"]
    assert len(of_one) == 20
    assert of_one[0] == await desk.cast(HOUSE)
    second = (await desk.admin("GET", f"unpaid?house={HOUSE}&count=1&offset=1"))["bills"]
    assert second == of_one[1:2]
    of_all = (await desk.admin("GET", "unpaid?count=1000"))["bills"]
    assert len(of_all) == 20 * len(DirectFamily.institutions)
    async with desk.session.get(f"{desk.origin}/_admin/unpaid?house=other") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "order",
    [
        {"fault": "slow"},
        {"house": "other", "fault": "slow"},
        {"house": HOUSE, "fault": "strange"},
        {"house": HOUSE, "fault": "slow", "account": "1", "bill": "2"},
        {"house": HOUSE, "fault": "slow", "account": ""},
        {"house": HOUSE, "fault": "slow", "times": 0},
        {"house": HOUSE, "fault": "expire_tokens", "account": "1"},
        {"house": "other", "fault": "expire_tokens"},
    ],
)
async def test_a_fault_that_cannot_be_is_refused(desk: CounterCaller, order: object) -> None:
    assert await desk.refused_order(order)


async def test_faults_are_kept_house_by_house_until_cleared(desk: CounterCaller) -> None:
    await desk.admin("POST", "faults", {"house": HOUSE, "fault": "slow", "account": "23400001"})
    answer = await desk.admin("POST", "faults", {"house": "kgdcl_gas", "fault": "html", "times": 2})
    assert answer["faults"] == [
        {"house": HOUSE, "number": "23400001", "fault": "slow", "times": 1},
        {"house": "kgdcl_gas", "number": "*", "fault": "html", "times": 2},
    ]
    assert (await desk.admin("DELETE", "faults"))["faults"] == []


async def test_logins_die_at_one_house_or_at_all(desk: CounterCaller) -> None:
    houses = (HOUSE, "kgdcl_gas", "btcl_bill")
    for house in houses:
        await desk.log_in(house)
    await desk.admin("POST", "faults", {"house": HOUSE, "fault": BillerFault.EXPIRE_TOKENS})
    assert [(await desk.post(house, "bill", {}))[0] for house in houses] == [401, 200, 200]
    await desk.admin("POST", "faults", {"fault": BillerFault.EXPIRE_TOKENS})
    assert [(await desk.post(house, "bill", {}))[0] for house in houses] == [401, 401, 401]


async def test_calls_are_counted_by_house(desk: CounterCaller) -> None:
    await desk.post(HOUSE, "bill", {})
    calls = (await desk.admin("GET", "stats"))["calls"]
    assert calls == {f"{HOUSE}.login": 1, f"{HOUSE}.bill": 1}


def test_a_switch_is_told_where_every_house_is_but_the_rehearsals() -> None:
    origins = {"direct": "http://127.0.0.1:1"}
    variables = settings_for_switch(BILLER_FAMILIES.values(), origins, "secret")
    assert variables["EKPAY_DPDC_POSTPAID_URL"] == "http://127.0.0.1:1/direct/api/dpdc_postpaid"
    assert variables["EKPAY_DPDC_POSTPAID_PASSWORD"] == "secret"
    assert len(variables) == 2 * (len(DirectFamily.institutions) - 1)
    assert settings_for_switch(BILLER_FAMILIES.values(), {}, "secret") == {}


def test_every_institution_has_a_port_and_no_two_families_share_a_book() -> None:
    assert set(DEFAULT_PORTS) == set(InstitutionName)
    assert len(set(DEFAULT_PORTS.values())) == len(InstitutionName)
    assert len({far_side.family for far_side in BILLER_FAMILIES.values()}) == len(BILLER_FAMILIES)


async def test_the_password_comes_from_the_environment(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_SANDBOX_COUNTER_PASSWORD", "from outside")
    far_side = DirectFamily.open(BillerSettings(home=tmp_path), Clock(clock.now))
    async with served(far_side) as (session, origin):
        caller = CounterCaller(session, origin, DirectFamily.base_path)
        status, _ = await caller.post(HOUSE, "login", {"user": "ekpay", "password": "counter-sandbox"})
        assert status == 401
        status, _ = await caller.post(HOUSE, "login", {"user": "ekpay", "password": "from outside"})
        assert status == 200


def test_the_families_are_counters_of_their_own(tmp_path: Path) -> None:
    for far_side in BILLER_FAMILIES.values():
        opened = far_side.open(BillerSettings(home=tmp_path), Clock())
        assert set(opened.billers) == {house.id for house in far_side.institutions}
        opened.close()
    assert len(list(tmp_path.iterdir())) == len(BILLER_FAMILIES)
