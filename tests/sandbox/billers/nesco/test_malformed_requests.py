import pytest

from tests.sandbox.caller import NescoCaller

NORMAL = "10000003"


@pytest.mark.parametrize("path", ["login", "pre-charge", "remote-charge", "history"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5_000, b"{}"],
)
async def test_what_is_no_usable_json_is_400(nesco: NescoCaller, path: str, body: bytes) -> None:
    url, headers = f"{nesco.origin}/nesco/api/{path}", {"access_token": nesco.token}
    async with nesco.session.post(url, data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["resultcode"]) == (400, "400")


@pytest.mark.parametrize(
    "amount", ["1e3", "NaN", "-1.00", "0.00", "1.0", "1.000", "01.00", "1", "\u09e7.\u09e6\u09e6", 5, None]
)
async def test_an_amount_in_another_form_is_400(nesco: NescoCaller, amount: object) -> None:
    status, answer = await nesco.post("pre-charge", {"customerNo": NORMAL, "payinAmount": amount})
    assert (status, answer["resultcode"]) == (400, "400")
    assert "payinAmount" in answer["resultdesc"]


@pytest.mark.parametrize("number", ["1000000", "100000003", "১০০০০০০৩", "x" * 8, "", 10_000_003, None, []])
async def test_a_customer_number_in_another_form_is_400(nesco: NescoCaller, number: object) -> None:
    status, answer = await nesco.post("pre-charge", {"customerNo": number, "payinAmount": "5.00"})
    assert (status, answer["resultcode"]) == (400, "400")
    assert "customerNo" in answer["resultdesc"]


@pytest.mark.parametrize("number", ["", "x" * 65, 1, None, {}])
async def test_a_transaction_id_in_another_form_is_400(nesco: NescoCaller, number: object) -> None:
    for path in ("remote-charge", "history"):
        status, answer = await nesco.post(path, {"transactionId": number})
        assert (status, answer["resultcode"]) == (400, "400")
        assert "transactionId" in answer["resultdesc"]


async def test_a_body_too_large_is_413(nesco: NescoCaller) -> None:
    status, answer = await nesco.post("history", {"transactionId": "x" * 300_000})
    assert (status, answer["resultcode"]) == (413, "413")


async def test_another_path_is_404_and_another_method_405(nesco: NescoCaller) -> None:
    assert (await nesco.post("other", {}))[0] == 404
    async with nesco.session.get(f"{nesco.origin}/nesco/api/history") as answer:
        assert answer.status == 405
