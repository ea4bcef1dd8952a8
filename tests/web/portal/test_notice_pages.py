"""`/notice` and `/n/<code>`: from a code on paper to the form of its bill, and words for any other code."""

from urllib.parse import urlencode

import pytest

from ekpay_switch.domain.bangla import in_bangla_digits
from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice, grouped_code, notice_code
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand

CODE = notice_code(41_936_369_711_328)
OTHER = notice_code(41_936_369_711_329)
FEE = "nu_fee"
FIELDS = {"pay_slip_no": "5600010001", "application_id": "56200001"}


def a_stand(language: str = "en", *, biller: str = FEE, fields: dict[str, str] | None = None) -> PortalStand:
    stand = PortalStand(language, suspended=["up_holding_tax"])
    stand.counter.notices.put(BillOfNotice(CODE, biller, "NU-1", fields or FIELDS))
    return stand


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_home_page_leads_to_the_field(language: str) -> None:
    stand = a_stand(language)
    seen = await stand.browser.get("/")
    assert any(link.startswith("/notice") for link in seen.html.links())
    seen = await stand.browser.get("/notice")
    assert (seen.status, len(seen.html.all("h1"))) == (200, 1)
    assert stand.says(seen, "bill_notice.what")
    assert seen.html.all("label", **{"for": "code"})


@pytest.mark.parametrize(
    "typed", [CODE, grouped_code(CODE), in_bangla_digits(grouped_code(CODE)), f" {CODE} "]
)
async def test_a_code_opens_the_form_of_its_bill_filled_in(typed: str) -> None:
    stand = a_stand()
    seen = await stand.browser.get(f"/notice?{urlencode({'code': typed})}")
    assert (seen.status, seen.place) == (303, f"/bills/{FEE}?notice={CODE}&lang=en")
    seen = await stand.browser.get(seen.place)
    assert seen.status == 200
    assert seen.html.all("input", id="A-pay_slip_no")[0]["value"] == "5600010001"
    assert seen.html.all("input", id="A-college_code")[0]["value"] == ""


async def test_the_address_of_the_picture_opens_it_too() -> None:
    stand = a_stand("bn")
    seen = await stand.browser.get(f"/n/{CODE}")
    assert (seen.status, seen.place) == (303, f"/bills/{FEE}?notice={CODE}&lang=bn")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("typed", "status", "fault"),
    [
        ("", 422, "missing"),
        ("  ", 422, "missing"),
        ("4193", 422, "wrong"),
        (f"{CODE}0", 422, "wrong"),
        (str(int(CODE) + 1), 422, "wrong"),
        ("<script>", 422, "wrong"),
        (OTHER, 404, "unknown"),
    ],
)
async def test_any_other_code_is_told_and_stays_typed(
    language: str, typed: str, status: int, fault: str
) -> None:
    stand = a_stand(language)
    seen = await stand.browser.get(f"/notice?{urlencode({'code': typed})}")
    assert seen.status == status
    assert stand.says(seen, f"bill_notice.fault.{fault}")
    (field,) = seen.html.all("input", id="code")
    assert (field["value"], field["aria-invalid"]) == (typed.strip(), "true")
    assert not stand.counter.carts


async def test_an_unknown_code_in_a_picture_is_told() -> None:
    stand = a_stand()
    seen = await stand.browser.get(f"/n/{OTHER}")
    assert seen.status == 404
    assert stand.says(seen, "bill_notice.fault.unknown")


async def test_the_bill_of_an_office_that_is_not_offered_is_not_found() -> None:
    stand = a_stand(biller="up_holding_tax")
    assert (await stand.browser.get(f"/notice?code={CODE}")).status == 404


@pytest.mark.parametrize("address", [f"/bills/desco_postpaid?notice={CODE}", f"/bills/{FEE}?notice={OTHER}"])
async def test_a_notice_of_something_else_fills_in_nothing(address: str) -> None:
    seen = await a_stand().browser.get(address)
    assert seen.status == 200
    typed = [one["value"] for one in seen.html.all("input", type="text")]
    assert set(typed) <= {""}


@pytest.mark.parametrize(
    ("fields", "typed"), [({"college_code": "1401"}, "1401"), ({"college_code": "1401", "other": "X"}, "")]
)
async def test_fields_that_are_not_enough_for_any_way_fill_in_what_fits(
    fields: dict[str, str], typed: str
) -> None:
    seen = await a_stand(fields=fields).browser.get(f"/bills/{FEE}?notice={CODE}")
    assert seen.html.all("input", id="A-college_code")[0]["value"] == typed
