"""The members of `bll_inf` that are ours: `x_<name>` for what has no member of ekPay's (billers.md 1.1)."""

from dataclasses import replace

import pytest

from ekpay_switch.ports.billers import Parameter
from tests.api.api_setup import Caller, Content, Desk, code_of
from tests.factories import BILL_NO
from tests.fakes.billers import PROFILE

LICENCE = Parameter(
    "bill_no", "x_licence_no", "Licence", "লাইসেন্স", "^[0-9]{12}$", BILL_NO, "A", is_required=True
)
CUSTOMER = replace(LICENCE, wire_name="bll_cstnm")


def take(desk: Desk, *parameters: Parameter) -> None:
    desk.small.biller.profile = replace(PROFILE, parameters=parameters)


async def fetch(bank: Caller, **members: object) -> Content:
    message = bank.write.fetch("b025")
    message["bll_inf"] |= members
    return await bank.exchange(message)


@pytest.mark.parametrize("parameter", [LICENCE, CUSTOMER])
async def test_a_bill_is_named_by_a_member_of_ours_or_by_the_customers_name(
    desk: Desk, bank: Caller, parameter: Parameter
) -> None:
    take(desk, parameter)
    answer = await fetch(bank, **{parameter.wire_name: BILL_NO})
    assert (code_of(answer), answer["bllr_inf"]["bll_no"]) == ("0000", BILL_NO)


@pytest.mark.parametrize("empty", [None, ""])
async def test_a_member_that_is_not_filled_in_names_nothing(desk: Desk, bank: Caller, empty: object) -> None:
    take(desk, LICENCE)
    assert code_of(await fetch(bank, x_licence_no=empty)) == "2001"
    take(desk, LICENCE, replace(LICENCE, name="other", wire_name="x_other", is_required=False))
    assert code_of(await fetch(bank, x_licence_no=BILL_NO, x_other=empty)) == "0000"


@pytest.mark.parametrize("rubbish", [True, [], {}, [BILL_NO], "x" * 129, "a\nb", "\x00", "\x7f"])
async def test_rubbish_in_a_member_of_ours_is_malformed_whether_or_not_it_is_asked_for(
    desk: Desk, bank: Caller, rubbish: object
) -> None:
    assert code_of(await fetch(bank, bll_no=BILL_NO, x_nobody_asked=rubbish)) == "2001"
    take(desk, LICENCE)
    assert code_of(await fetch(bank, x_licence_no=rubbish)) == "2001"
    assert "fetch" not in desk.small.steps.taken


@pytest.mark.parametrize(
    "name", ["x_a", "x_", "x_UPPER", "x_" + "a" * 41, "x_bangla_১", "x_a b", "xlicence", "further"]
)
async def test_a_name_that_is_none_of_ours_is_an_unknown_member_and_passed_over(
    bank: Caller, name: str
) -> None:
    for told in ("anything", 17, ["list"], {"x_licence_no": BILL_NO}):
        assert code_of(await fetch(bank, bll_no=BILL_NO, **{name: told})) == "0000"


async def test_further_members_cannot_be_smuggled_in(desk: Desk, bank: Caller) -> None:
    take(desk, LICENCE)
    assert code_of(await fetch(bank, further={"x_licence_no": BILL_NO})) == "2001"
    take(desk, replace(LICENCE, wire_name="further"))
    assert code_of(await fetch(bank, further=BILL_NO)) == "2001"


async def test_there_are_at_most_sixteen_of_them(desk: Desk, bank: Caller) -> None:
    take(desk, LICENCE)
    more = {f"x_member_{n}": "told" for n in range(15)}
    assert code_of(await fetch(bank, x_licence_no=BILL_NO, **more)) == "0000"
    assert code_of(await fetch(bank, x_licence_no=BILL_NO, **more, x_one_more="told")) == "2001"
