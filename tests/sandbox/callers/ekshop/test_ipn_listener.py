"""IPNs: what each conduct believes and answers, and the two traps that real merchants fall into."""

import base64
import time

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.callers.ekshop.listener_conduct import Conduct
from tests.sandbox.callers.ekshop.conftest import Customer
from tests.sandbox.callers.ekshop.stub_merchant_api import StubMerchantApi


@pytest.mark.parametrize(("code", "standing"), [("1020", "paid"), ("1021", "failed"), ("1022", "cancelled")])
async def test_an_ipn_is_believed_once_however_often_it_comes(
    customer: Customer, switch: StubMerchantApi, code: str, standing: str
) -> None:
    trnx_id = await customer.order()
    assert [await switch.notify(trnx_id, code) for _ in range(3)] == [200, 200, 200]
    known = await customer.known(trnx_id)
    assert (known["standing"], known["by"], len(known["ipns"])) == (standing, "ipn", 3)
    assert known["handed_out"] == (standing == "paid")
    assert (known["contradictions"], known["ipns"][0]["message_id"]) == (0, "msg_1")


async def test_paid_stays_paid_and_a_contradiction_is_kept(
    customer: Customer, switch: StubMerchantApi
) -> None:
    trnx_id = await customer.order()
    await switch.notify(trnx_id, "1021")
    await switch.notify(trnx_id, "1020")
    await switch.notify(trnx_id, "1022")
    known = await customer.known(trnx_id)
    assert (known["standing"], known["handed_out"], known["contradictions"]) == ("paid", 1, 2)


@pytest.mark.parametrize(
    ("conduct", "status", "standing"),
    [
        (Conduct.HONEST, 200, "paid"),
        (Conduct.COUNTING, 200, "paid"),
        (Conduct.SLOW, 200, "paid"),
        (Conduct.EMPTY, 200, "paid"),
        (Conduct.TRUE, 200, "paid"),
        (Conduct.HTML, 200, "paid"),
        (Conduct.ASKING, 200, "paid"),
        (Conduct.TRUSTING, 200, "waiting"),
        (Conduct.SILENT, 0, "waiting"),
        (Conduct.HTTP_500, 500, "waiting"),
        (Conduct.HTTP_401, 401, "waiting"),
    ],
)
async def test_each_conduct_answers_and_believes_as_it_says(
    customer: Customer, switch: StubMerchantApi, conduct: Conduct, status: int, standing: str
) -> None:
    await customer.conduct(conduct)
    trnx_id = await customer.order()
    assert await switch.notify(trnx_id, "1020") == status
    known = await customer.known(trnx_id)
    assert (known["standing"], known["ipns"][0]["answered"]) == (standing, status)
    assert known["ipns"][0]["conduct"] == conduct


async def test_an_odd_conduct_meets_as_many_ipns_as_was_said(
    customer: Customer, switch: StubMerchantApi
) -> None:
    first, second = await customer.order(), await customer.order()
    await customer.conduct(Conduct.HTTP_500, trnx_id=second)
    await customer.conduct(Conduct.HTTP_401, times=2)
    answers = [await switch.notify(one, "1020") for one in (second, first, first, second, first)]
    assert answers == [500, 401, 401, 200, 200]


async def test_a_shop_that_counts_each_ipn_hands_goods_out_again(
    customer: Customer, switch: StubMerchantApi
) -> None:
    await customer.conduct(Conduct.COUNTING)
    trnx_id = await customer.order()
    for _ in range(3):
        await switch.notify(trnx_id, "1020")
    assert (await customer.known(trnx_id))["handed_out"] == 3


async def test_the_trusting_shop_believes_whoever_reaches_its_pages(
    customer: Customer, switch: StubMerchantApi
) -> None:
    await customer.conduct(Conduct.TRUSTING)
    paid, failed, cancelled = await customer.order(), await customer.order(), await customer.order()
    for place, trnx_id in (("s", paid), ("f", failed), ("c", cancelled)):
        await customer.get(f"/back/{place}?shop=ekshop&transId={trnx_id}")
    standings = [(await customer.known(one))["standing"] for one in (paid, failed, cancelled)]
    assert standings == ["paid", "failed", "cancelled"]
    assert (await customer.known(paid))["by"] == "return"
    assert switch.status_calls == []


async def test_the_asking_shop_believes_what_it_is_answered_and_not_what_it_was_sent(
    customer: Customer, switch: StubMerchantApi
) -> None:
    await customer.conduct(Conduct.ASKING)
    trnx_id = await customer.order()
    assert await switch.notify(trnx_id, "1023", msg_code="1020") == 403
    switch.status_text = "Bad Gateway"
    assert await switch.notify(trnx_id, "1020") == 417
    switch.status_text = None
    assert (await customer.known(trnx_id))["standing"] == "waiting"
    assert await switch.notify(trnx_id, "1020") == 200
    known = await customer.known(trnx_id)
    assert (known["standing"], [one["answered"] for one in known["ipns"]]) == ("paid", [403, 417, 200])


async def test_what_is_no_ipn_of_this_payment_is_refused(customer: Customer, switch: StubMerchantApi) -> None:
    trnx_id, other = await customer.order(), await customer.order()
    url = switch.orders[trnx_id]["ipn_info"]["ipn_uri"]
    switch.codes = {trnx_id: "1020", other: "1020"}
    good = switch.document(trnx_id)
    refused = [
        switch.document(other),
        good | {"trnx_info": good["trnx_info"] | {"trnx_amt": "1.00"}},
        good | {"trnx_info": good["trnx_info"] | {"trnx_amt": None}},
        good | {"trnx_info": good["trnx_info"] | {"curr": "USD"}},
        good | {"basic_Info": {"mer_reg_id": "other_test"}},
        good | {"trnx_info": "nothing"},
        good | {"msg_code": "1000"},
        {},
        [],
        {"msg_code": 1020},
    ]
    assert {await switch.post(url, document) for document in refused} == {400}
    assert await switch.post(f"{customer.origin}/ipn/guessed", good) == 404
    assert await switch.post(url, {"msg_code": "x" * 70_000}) == 413
    known = await customer.known(trnx_id)
    assert (known["standing"], len(known["ipns"]), known["handed_out"]) == ("waiting", len(refused), 0)


async def test_with_a_key_only_what_is_signed_counts(customer: Customer, switch: StubMerchantApi) -> None:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = f"whpk_{base64.b64encode(raw).decode()}"
    admin = f"{customer.origin}/_admin/keys"
    async with customer.session.post(admin, json={"keys": [public]}) as answer:
        assert answer.status == 200
    trnx_id = await customer.order()
    assert await switch.notify(trnx_id, "1020") == 401
    body = orjson.dumps(switch.document(trnx_id))
    stamp = str(int(time.time()))
    signature = base64.b64encode(key.sign(f"msg_2.{stamp}.".encode() + body)).decode()
    headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,x v1a,??? v1a,{signature}",
    }
    url = switch.orders[trnx_id]["ipn_info"]["ipn_uri"]
    async with customer.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 200
    known = await customer.known(trnx_id)
    assert [one["is_signed"] for one in known["ipns"]] == [False, True]
    assert known["standing"] == "paid"


async def test_admin_orders_that_cannot_be_read_change_nothing(customer: Customer) -> None:
    for path, order in (("conduct", {"conduct": "kind"}), ("conduct", {}), ("keys", {"keys": ["whpk_?"]})):
        async with customer.session.post(f"{customer.origin}/_admin/{path}", json=order) as answer:
            assert answer.status == 400
    await customer.conduct(Conduct.HTTP_500, times=1)
    async with customer.session.delete(f"{customer.origin}/_admin/conduct") as answer:
        assert await answer.json() == {"conduct": "honest", "odd": []}
    async with customer.session.get(f"{customer.origin}/_admin/health") as answer:
        assert answer.status == 200
