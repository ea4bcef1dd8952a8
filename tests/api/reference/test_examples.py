"""The examples of the documents work: each is sent as it stands, and answered with success."""

import json
from collections.abc import Mapping
from copy import deepcopy

from ekpay_switch.api.reference.routes import document_at
from tests.api.api_setup import Reply
from tests.api.reference.worlds import JSON, Content, MerchantWorld, SyndicateWorld, V1World, World


def examples(document: str) -> dict[str, tuple[str, str, Content]]:
    """The path, method and body of every example, by its call."""
    return {
        call["operationId"]: (path, method.upper(), deepcopy(example["value"]))
        for path, acts in document_at(document)["paths"].items()
        for method, call in acts.items()
        if "requestBody" in call
        for example in call["requestBody"]["content"][JSON]["examples"].values()
    }


async def sent(
    world: World, call: tuple[str, str, Content], further: Mapping[str, str] | None = None
) -> Reply:
    path, method, body = call
    headers = {"Authorization": f"Bearer {world.bearer}", "Content-Type": JSON, **(further or {})}
    return await world.send(method, path, json.dumps(body).encode(), headers)


def of_payment(call: tuple[str, str, Content], payment_id: str) -> tuple[str, str, Content]:
    path, method, body = call
    return path.replace("{payment_id}", payment_id), method, body


async def test_the_examples_of_rest_v1_work() -> None:
    world, calls = V1World(), examples("/openapi.json")
    await world.open()
    paid, waiting = world.payment_ids
    made = await sent(world, calls["v1-create"], {"Idempotency-Key": "key-of-an-example"})
    tried = await sent(world, of_payment(calls["v1-try"], waiting))
    cancelled = await sent(world, of_payment(calls["v1-cancel"], waiting))
    refunded = await sent(
        world, of_payment(calls["v1-refund"], paid), {"Idempotency-Key": "key-of-a-refund-1"}
    )
    raised = await sent(world, calls["v1-raise"])
    replies = (made, tried, cancelled, refunded, raised)
    assert [reply.status for reply in replies] == [201, 201, 200, 201, 201]
    assert len(calls) == len(replies)


async def test_the_examples_of_the_merchant_api_work() -> None:
    world, calls = MerchantWorld(), examples("/openapi/merchant.json")
    ordered = await sent(world, calls["merchant-api"])
    status = await sent(world, calls["merchant-get-status"])
    assert (ordered.plain["msg_code"], status.plain["msg_code"]) == ("1000", "1023")
    assert len(calls) == 2


async def test_the_examples_of_the_syndicate_api_work() -> None:
    world, calls = SyndicateWorld(), examples("/openapi/syndicate.json")
    await world.open()
    token = await sent(world, calls.pop("get-token"))
    assert token.plain["resp_cd"] == "0000"
    path, method, payment = calls.pop("update-billPayment")
    fetched = (await sent(world, calls.pop("fetch-bill"))).plain
    payment["trx"]["refno_ack"] = fetched["resp_status"]["refno_ack"]
    paid = (await sent(world, (path, method, payment))).plain
    assert [answer["resp_status"]["rsp_cd"] for answer in (fetched, paid)] == ["0000", "0000"]
    status = (await sent(world, calls.pop("check-bill-status"))).plain
    assert status["pyd_inf"]["pyd_trxn_refid"] == payment["pyd_inf"]["pyd_trxn_refid"]
    rest = [(await sent(world, call)).plain["resp_status"]["rsp_cd"] for call in calls.values()]
    assert rest == ["0000"] * 3
