import asyncio
import json

import pytest

from tests.sandbox.caller import Caller, Json

LOST = {"94000000", "95000000", "99000000"}


async def post(desco: Caller, path: str, body: bytes) -> tuple[int, Json]:
    headers = {"Authorization": f"Bearer {desco.token}"}
    async with desco.session.post(f"{desco.origin}{path}", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", ["login", "bills", "bill", "payment", "payment-status"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5_000, b"{}"],
)
async def test_what_is_no_usable_json_is_400(desco: Caller, path: str, body: bytes) -> None:
    status, answer = await post(desco, f"/desco/api/{path}", body)
    assert (status, answer["statusCode"]) == (400, 400)


@pytest.mark.parametrize(
    "field",
    [
        "billNumber",
        "billToken",
        "transactionId",
        "bankCode",
        "totalPayableAmount",
        "totalPaidAmount",
        "lpc",
        "paid",
        "issueDate",
        "dueDate",
        "cTariff",
        "departmentCode",
        "paymentAmount",
        "paymentVatAmount",
        "paymentDate",
        "trackingNo",
        "transactionTrackingNo",
        "tranAccount",
        "transactionDateTime",
    ],
)
async def test_a_field_missing_or_of_another_type_is_400_and_saves_nothing(desco: Caller, field: str) -> None:
    save = await desco.a_save("10000003")
    # A null stands for a field left out: both are no text.
    spoiled: list[object] = [None, 7, "", [], {}, "x" * 65]
    if field.startswith(("total", "lpc", "payment")):
        spoiled.append("\u09e7\u09e6\u09e6.\u09e6\u09e6")
    for value in spoiled:
        status, answer = await desco.send("payment", save | {field: value})
        assert (status, answer["statusCode"]) == (400, 400), value
        assert field in answer["message"]
    assert await desco.dump() == []


@pytest.mark.parametrize("amount", ["1e3", "NaN", "-1.00", "1.0", "1.000", "1,000.00", "01.00", "1", " 1.00"])
async def test_an_amount_in_another_form_is_400(desco: Caller, amount: str) -> None:
    save = await desco.a_save("10000003", totalPaidAmount=amount)
    assert (await desco.send("payment", save))[0] == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("paymentDate", "31-02-2026"),
        ("paymentDate", "2026-03-10"),
        ("transactionDateTime", "2026-02-31 12:00:00"),
        ("transactionDateTime", "2026-03-10T12:00:00"),
        ("bankCode", "XXX"),
        ("paid", "N"),
    ],
)
async def test_a_value_that_cannot_be_is_400(desco: Caller, field: str, value: str) -> None:
    save = await desco.a_save("10000003") | {field: value}
    assert (await desco.send("payment", save))[0] == 400


async def test_a_body_too_large_is_413(desco: Caller) -> None:
    status, answer = await post(desco, "/desco/api/payment", b" " * 300_000)
    assert (status, answer["statusCode"]) == (413, 413)


async def test_another_path_is_404_and_another_method_405(desco: Caller) -> None:
    assert (await post(desco, "/desco/api/other", b"{}"))[0] == 404
    assert (await post(desco, "/_admin/other", b"{}"))[0] == 404
    assert (await post(desco, "/_admin/dump", b"{}"))[0] == 405
    async with desco.session.get(f"{desco.origin}/desco/api/bills") as answer:
        assert answer.status == 405


async def test_a_lost_answer_is_an_end_without_a_single_byte(desco: Caller) -> None:
    host, port = desco.origin.removeprefix("http://").split(":")
    for account in sorted(LOST):
        save = await desco.a_save(account)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw_request(desco.token, save))
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_lost_answer_also_loses_what_was_pipelined_behind_it(desco: Caller) -> None:
    host, port = desco.origin.removeprefix("http://").split(":")
    lost, plain = await desco.a_save("94000000"), await desco.a_save("10000003")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw_request(desco.token, lost) + raw_request(desco.token, plain))
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
    await writer.wait_closed()
    assert [payment["account"] for payment in await desco.dump()] == ["94000000"]


def raw_request(token: str, save: Json) -> bytes:
    body = json.dumps(save).encode()
    head = (
        "POST /desco/api/payment HTTP/1.1\r\nHost: desco\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_a_call_without_any_bearer_is_401(desco: Caller) -> None:
    async with desco.session.post(f"{desco.origin}/desco/api/bill", json={}) as answer:
        assert answer.status == 401


async def test_a_body_that_comes_in_pieces_is_read_whole(desco: Caller) -> None:
    host, port = desco.origin.removeprefix("http://").split(":")
    request = raw_request(desco.token, await desco.a_save("10000003"))
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request[:-100])
    await writer.drain()
    # An answer to another call proves that the server has taken the first piece.
    assert await desco.dump() == []
    writer.write(request[-100:])
    assert await asyncio.wait_for(reader.readuntil(b"payment saved"), 60)
    writer.close()
    await writer.wait_closed()
    assert len(await desco.dump()) == 1


async def test_a_body_half_sent_and_given_up_saves_nothing(desco: Caller) -> None:
    host, port = desco.origin.removeprefix("http://").split(":")
    save = await desco.a_save("10000003")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw_request(desco.token, save)[:-100])
    writer.close()
    await writer.wait_closed()
    assert await desco.dump() == []
    assert await desco.code_of(save) == 323
