"""A plain REST biller in quite other words: what a manifest can say without code, and what it must not."""

import json
from dataclasses import dataclass, field, replace

import pytest

from biller_adapters.fetching import paid_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Role
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, order_for
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, InDoubt, NoAnswer, Posted
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.direct_rest.direct_rest_stage import WEST_ZONE, reworded
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON

DPDC = the_manifest("dpdc_postpaid")
OTHER_WORDS = {
    "send_customer_no": "cust_id",
    "year_of_bill_period": "bill_year",
    "month_of_bill_period": "bill_month",
    "fixed_collector": "EKPAY",
    "token_header": "X-Auth-Token",
    "token_prefix": "",
    "login_user": "username",
    "login_password": "secret",
    "login_object": "result",
    "login_token": "access",
    "login_expires_in": "",
    "login_life_seconds": "900",
    "code": "status_code",
    "message": "",
    "day_form": "DD/MM/YYYY",
    "amount_form": "paisa",
    "bill_object": "result.invoice",
    "bill_number": "",
    "bill_account": "cust_id",
    "bill_customer": "name",
    "bill_kwh": "units",
    "bill_period": "",
    "bill_year": "year",
    "bill_month": "month",
    "bill_issued_on": "",
    "bill_due_on": "last_day",
    "bill_amount": "net",
    "amount_holds_vat": "yes",
    "bill_vat": "tax",
    "bill_late_fee": "",
    "bill_stamp": "",
    "bill_total": "payable",
    "bill_count": "",
    "bill_paid": "is_settled",
    "paid_word": "1",
    "pay_names": "parameters",
    "pay_reference": "ref",
    "pay_amount": "sum",
    "pay_time": "at",
    "pay_stamps": "",
    "pay_channel": "",
    "time_form": "YYYYMMDDHHMMSS",
    "paid_object": "result",
    "paid_receipt": "slip",
    "paid_reference": "ref",
    "paid_amount": "sum",
    "ask_reference": "ref",
    "status_object": "result",
    "status_reference": "ref",
    "status_bill_number": "",
    "status_receipt": "slip",
    "status_amount": "sum",
    "status_state": "",
}
QUERY = BillQuery(DPDC.id, {"customer_no": "23456789", "bill_period": "202509"})
INVOICE = {
    "cust_id": "23456789", "name": "Rahela Khatun", "units": 142, "year": 2025, "month": 9,
    "last_day": "25/10/2025", "net": 105_000, "tax": "5000", "payable": "105000", "is_settled": "0",
}  # fmt: skip
PAID = {"ref": EXAMPLE_REFERENCE, "sum": 105_000, "slip": "S-1"}


@dataclass
class Answers:
    """A wire that answers by the last part of the path, and keeps what it was asked."""

    by_path: dict[str, object]
    asked: list[WireRequest] = field(default_factory=list)

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side
        self.asked.append(request)
        result = self.by_path[request.url.rsplit("/", 1)[-1]]
        body = {"status_code": 200, "code": 200, "result": result}
        return WireAnswer(200, {}, json.dumps(body).encode())

    def said(self) -> list[dict[str, object]]:
        return [json.loads(request.body) for request in self.asked]


def in_other_words(**changes: str) -> Manifest:
    return DPDC.model_copy(update={"family_settings": OTHER_WORDS | changes})


def adapter(manifest: Manifest, wire: Answers) -> BillerAdapter:
    environ = {manifest.secrets.password_setting: "open sesame"}
    return adapter_of(manifest, FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), environ))


def the_bill(**quote: str) -> Bill:
    return replace(
        paid_bill("B-1", "A-1"),
        amount=Money(105_000),
        total=Money(105_000),
        biller_quote=quote,
        is_paid=False,
    )


def answers(**changes: object) -> Answers:
    polite = {"login": {"access": "t-1"}, "bill": {"invoice": INVOICE}, "payment": PAID, "status": PAID}
    return Answers({**polite, **changes})


async def test_a_biller_with_other_words_is_a_manifest_and_no_code() -> None:
    wire = answers()
    biller = adapter(in_other_words(), wire)
    found = await biller.fetch(QUERY)
    assert isinstance(found, BillFound)
    bill = found.bill
    assert (bill.amount, bill.vat, bill.total) == (Money(100_000), Money(5_000), Money(105_000))
    assert (bill.bill_key, bill.account) == ("23456789/202509", "23456789")
    assert (bill.details["kwh"], bill.details["period_to"]) == ("142", "2025-09-30")
    order = order_for(DPDC.id, bill, NOON.date())
    assert await biller.pay(order) == Approved({"message": "", "receipt": "S-1"})
    assert await biller.inquire(order) == Posted(
        EXAMPLE_REFERENCE, 105_000, {"message": "", "receipt": "S-1"}
    )
    named = {"collector": "EKPAY", "cust_id": "23456789", "bill_year": "2025", "bill_month": "09"}
    assert wire.said() == [
        {"username": "ekpay", "secret": "open sesame"},
        named,
        {**named, "ref": EXAMPLE_REFERENCE, "sum": 105_000, "at": "20251020120000"},
        {"collector": "EKPAY", "ref": EXAMPLE_REFERENCE},
    ]
    assert [request.headers.get("X-Auth-Token") for request in wire.asked] == [None, "t-1", "t-1", "t-1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"year": 2024},
        {"month": "10"},
        {"payable": "1050.00"},
        {"payable": "\u09e7\u09e6\u09eb"},
        {"payable": 1050.0},
        {"tax": "105001"},
        {"last_day": "2025-10-25"},
    ],
    ids=str,
)
async def test_its_forms_are_kept_to(changes: dict[str, object]) -> None:
    wire = answers(bill={"invoice": INVOICE | changes})
    assert isinstance(await adapter(in_other_words(), wire).fetch(QUERY), BillerSilent)


@pytest.mark.parametrize("bill", [None, {}, {"invoice": None}, {"invoice": [INVOICE]}])
async def test_a_path_that_leads_nowhere_is_silence(bill: object) -> None:
    assert isinstance(await adapter(in_other_words(), answers(bill=bill)).fetch(QUERY), BillerSilent)


async def test_a_paid_word_of_its_own() -> None:
    found = await adapter(in_other_words(), answers(bill={"invoice": INVOICE | {"is_settled": 1}})).fetch(
        QUERY
    )
    assert isinstance(found, BillFound)
    assert found.bill.is_paid


async def test_a_standing_key_stands_where_a_token_would() -> None:
    words = reworded(sign_in="standing_key", token_header="X-Api-Key", token_prefix="")
    without_login = {name: call for name, call in words.operations.items() if call.role is not Role.LOG_IN}
    manifest = words.model_copy(update={"operations": without_login})
    wire = Answers({})
    wire.by_path["bill"] = None
    query = BillQuery(manifest.id, {"account_no": "301234567"})
    assert isinstance(await adapter(manifest, wire).fetch(query), BillerSilent)
    assert [request.headers["X-Api-Key"] for request in wire.asked] == ["open sesame"]


async def test_a_biller_that_cannot_be_asked_is_not_asked() -> None:
    safety = WEST_ZONE.safety.model_copy(update={"can_be_asked": False})
    operations = {name: call for name, call in WEST_ZONE.operations.items() if name != "status"}
    manifest = WEST_ZONE.model_copy(update={"safety": safety, "operations": operations})
    wire = Answers({})
    order = order_for(manifest.id, the_bill(), NOON.date())
    answer = await adapter(manifest, wire).inquire(order)
    assert answer == NoAnswer("this biller cannot be asked", was_asked=False)
    assert wire.asked == []


async def test_without_an_echo_the_status_brings_no_amount() -> None:
    safety = DPDC.safety.model_copy(update={"echoes_amount": False})
    silent = {"status_amount": "", "paid_amount": "", "status_receipt": "", "paid_receipt": ""}
    manifest = in_other_words(**silent).model_copy(update={"safety": safety})
    biller = adapter(manifest, answers())
    order = order_for(DPDC.id, the_bill(customer_no="23456789"), NOON.date())
    assert await biller.pay(order) == Approved({"message": ""})
    assert await biller.inquire(order) == Posted(EXAMPLE_REFERENCE, None, {"message": ""})
    other = adapter(manifest, answers(payment=PAID | {"ref": "X"}))
    assert isinstance(await other.pay(order), InDoubt)


FAULTS = {
    "an unknown setting": ({"bill_colour": "red"}, "bill_colour"),
    "a field of the map as a setting": ({"send": "customerNo"}, "send"),
    "a parameter that there is not": ({"send_meter": "meterNo"}, "a parameter is sent that is not defined"),
    "a member that is none": ({"send_account_no": "account no"}, "account_no"),
    "no name for what must be there": ({"bill_total": ""}, "bill_total"),
    "an expression": ({"bill_total": "amount + vat"}, "bill_total"),
    "a form that nobody knows": ({"day_form": "D.M.YY"}, "day_form"),
    "neither number nor account": ({"bill_number": "", "bill_account": ""}, "a number or an account"),
    "a late fee without a due date": ({"bill_due_on": ""}, "bill_due_on"),
    "an echo that nobody reads": ({"status_amount": ""}, "say different things"),
}


@pytest.mark.parametrize(("settings", "names"), FAULTS.values(), ids=FAULTS.keys())
def test_a_map_that_cannot_work_is_refused(settings: dict[str, str], names: str) -> None:
    with pytest.raises(ManifestError, match=names):
        adapter(reworded(**settings), Answers({}))


def test_a_parameter_that_names_the_bill_must_be_sent() -> None:
    manifest = WEST_ZONE.model_copy(update={"family_settings": {}})
    with pytest.raises(ManifestError, match="is not sent"):
        adapter(manifest, Answers({}))


def test_a_range_has_no_bill() -> None:
    manifest = WEST_ZONE.model_copy(update={"amount_rule": "range"})
    with pytest.raises(ManifestError, match="a range has none"):
        adapter(manifest, Answers({}))


@pytest.mark.parametrize("missing", ["login", "bill", "payment", "status"])
def test_an_operation_that_is_missing_is_named(missing: str) -> None:
    operations = {name: call for name, call in WEST_ZONE.operations.items() if name != missing}
    with pytest.raises(ManifestError, match="log_in" if missing == "login" else missing):
        adapter(WEST_ZONE.model_copy(update={"operations": operations}), Answers({}))
