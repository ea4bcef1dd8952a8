import pytest

from tests.sandbox.caller import BrebCaller

NORMAL = "1003010000003"


@pytest.mark.parametrize("path", ["authenticate", "token", "bill", "payment", "acknowledge", "status"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"_pUSER":"ekpay"}',
        b"\xff\xfe",
        b"a=%ff",
        b"a=1&a=2",
        b"&&&",
        b"&".join(b"f%d=1" % n for n in range(60)),
        b"a=1",
    ],
)
async def test_what_is_no_usable_form_is_400(breb: BrebCaller, path: str, body: bytes) -> None:
    status, answer = await breb.post(path, body)
    assert (status, answer["RESULT_CODE"]) == (400, "1400")


@pytest.mark.parametrize(
    "field",
    [
        "_pPAY_CHANNEL_ID",
        "_pACCESS_TOKEN",
        "_pPAYER_ID",
        "_pPAYER_TYPE_ID",
        "_pSMS_AC_NO",
        "_pBILL_MONTH",
        "_pBILL_YEAR",
        "_pBILL_NO",
        "_pPAY_AMOUNT",
        "_pTRANSACTION_ID",
    ],
)
async def test_a_field_missing_empty_or_too_long_is_400_and_saves_nothing(
    breb: BrebCaller, field: str
) -> None:
    save = await breb.a_locked_save(NORMAL)
    without = {name: value for name, value in save.items() if name != field}
    for spoiled in (without, save | {field: ""}, save | {field: "x" * 65}):
        status, answer = await breb.post("payment", spoiled)
        assert (status, answer["RESULT_CODE"]) == (400, "1400")
        assert field in answer["RESULT_MSG"]
    assert await breb.payments() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_pPAY_AMOUNT", "1.00"),
        ("_pPAY_AMOUNT", "-1"),
        ("_pPAY_AMOUNT", "1e3"),
        ("_pPAY_AMOUNT", "01"),
        ("_pPAY_AMOUNT", "১০০"),
        ("_pSMS_AC_NO", "১০০৩০১০০০০০০৩"),
        ("_pSMS_AC_NO", "003010000003"),
        ("_pBILL_MONTH", "13"),
        ("_pBILL_MONTH", "2"),
        ("_pBILL_YEAR", "26"),
        ("_pPAYER_ID", "12345"),
        ("_pPAYER_TYPE_ID", "2"),
    ],
)
async def test_a_value_that_cannot_be_is_400(breb: BrebCaller, field: str, value: str) -> None:
    status, answer = await breb.post("payment", await breb.a_save(NORMAL) | {field: value})
    assert (status, answer["RESULT_CODE"]) == (400, "1400")
    assert field in answer["RESULT_MSG"]


async def test_a_body_of_another_kind_is_415(breb: BrebCaller) -> None:
    async with breb.session.post(f"{breb.origin}/breb/api/bill", json={}) as answer:
        assert (answer.status, (await answer.json())["RESULT_CODE"]) == (415, "1415")
    url, nothing = f"{breb.origin}/breb/api/bill", {"Content-Type": ""}
    async with breb.session.post(url, data=b"", headers=nothing) as answer:
        assert answer.status == 415


async def test_a_body_too_large_is_413(breb: BrebCaller) -> None:
    status, answer = await breb.post("payment", b"a=" + b"x" * 300_000)
    assert (status, answer["RESULT_CODE"]) == (413, "1413")


async def test_another_path_is_404_and_another_method_405(breb: BrebCaller) -> None:
    assert (await breb.post("other", b"a=1"))[0] == 404
    async with breb.session.get(f"{breb.origin}/breb/api/bill") as answer:
        assert answer.status == 405


async def test_text_beyond_ascii_is_read_as_utf_8(breb: BrebCaller) -> None:
    save = await breb.a_locked_save(NORMAL, "লেনদেন-১")
    assert await breb.code("payment", save) == "1200"
    assert [one["transaction_id"] for one in await breb.payments()] == ["লেনদেন-১"]
