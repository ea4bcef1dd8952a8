"""A merchant that uses the public client pybkash, unmodified, at a simulated bKash.

Run by `pybkash_against_sandbox.py` in an environment that has nothing but pybkash. Its address is a member of
its token.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import Any

from telling import expect, versions, want  # type: ignore[import-not-found]  # beside us where we run

USER, PASSWORD = "ekpay", "bkash-sandbox"
APP_KEY, APP_SECRET = "bkash-sandbox-app", "bkash-sandbox-secret"
CALLBACK = "https://merchant.example/return"

pybkash: Any = importlib.import_module("pybkash")


def expect_refusal(step: str, code: str, call: Callable[[], object]) -> None:
    try:
        call()
    except pybkash.APIError as error:
        expect(step, is_right=error.status_code == code, code=error.status_code)
    else:
        expect(step, is_right=False)


def use(client: Any) -> None:  # noqa: ANN401 - the client has no types
    def create() -> Any:  # noqa: ANN401 - the client has no types
        return client.create_payment(CALLBACK, "01712345678", 120.5, invoice_number="PEER-1")

    created = create()
    expect("create", is_right=created.status_code == "0000", payment_id=created.payment_id)
    expect_refusal("create the same at once", "2029", create)
    waiting = client.query_payment(created.payment_id)
    expect("query before", is_right=not waiting.is_complete(), status=waiting.status)
    want("payer", page=created.bkash_url)
    agreed = client.query_payment(created.payment_id)
    expect("query after the payer", is_right=agreed.verification_status == "Complete", status=agreed.status)
    paid = client.execute_payment(created.payment_id)
    expect("execute", is_right=paid.is_complete() and paid.amount == "120.50", trx_id=paid.trx_id)
    expect_refusal("execute again", "2117", lambda: client.execute_payment(created.payment_id))
    done = client.query_payment(created.payment_id)
    expect("query after", is_right=done.is_complete() and done.merchant_invoice == "PEER-1")
    found = client.search_trx(paid.trx_id)
    expect("search", is_right=found.is_complete() and found.payer_account != "", fee=found.service_fee)
    refund = client.execute_refund(created.payment_id, paid.trx_id, 20.5)
    expect("refund", is_right=refund.is_complete() and refund.amount == "20.50", trx_id=refund.trx_id)
    expect_refusal(
        "refund again", "2034", lambda: client.execute_refund(created.payment_id, paid.trx_id, 20.5)
    )
    given_back = client.search_trx(refund.trx_id)
    expect("search the refund", is_right=given_back.original_trx_amount == "120.50")


def use_agreement(client: Any) -> None:  # noqa: ANN401 - the client has no types
    opened = client.create_agreement(CALLBACK, "01712345678")
    expect("agreement", is_right=opened.agreement_status == "Initiated", payment_id=opened.payment_id)
    waiting = client.query_agreement(opened.payment_id)
    expect("agreement before", is_right=not waiting.is_complete(), status=waiting.status)
    expect_refusal("agreement too early", "2054", lambda: client.execute_agreement(opened.payment_id))
    want("payer", page=opened.bkash_url)
    agreed = client.execute_agreement(opened.payment_id)
    expect("agreement executed", is_right=agreed.is_complete(), agreement_id=agreed.agreement_id)
    found = client.query_agreement(opened.payment_id)
    expect("agreement after", is_right=found.is_complete() and found.agreement_id == agreed.agreement_id)
    number = agreed.agreement_id
    created = client.create_payment(CALLBACK, "01712345678", 80, number, invoice_number="PEER-3")
    want("payer", page=created.bkash_url)
    paid = client.execute_payment(created.payment_id)
    expect("paid by agreement", is_right=paid.is_complete() and paid.agreement_id == number)
    ended = client.cancel_agreement(number)
    expect("agreement cancelled", is_right=ended.agreement_status == "Cancelled")
    expect_refusal(
        "paying by it",
        "2053",
        lambda: client.create_payment(CALLBACK, "01712345678", 80, number, invoice_number="PEER-4"),
    )


async def use_asynchronously(token: Any) -> None:  # noqa: ANN401 - the client has no types
    async with pybkash.AsyncClient(token) as client:
        created = await client.create_payment(CALLBACK, "01712345678", 99, invoice_number="PEER-2")
        expect("async create", is_right=created.status_code == "0000")
        want("payer", page=created.bkash_url)
        paid = await client.execute_payment(created.payment_id)
        expect("async execute", is_right=paid.is_complete() and paid.amount == "99.00")


def main(origin: str) -> None:
    facts = (USER, PASSWORD, APP_KEY, APP_SECRET)
    versions("pybkash", "httpx", "redis")
    token = pybkash.Token(*facts, sandbox=True)
    token.base_url = f"{origin}/v1.2.0-beta"
    with pybkash.Client(token) as client:
        use(client)
        use_agreement(client)
    token = pybkash.AsyncToken(*facts, sandbox=True)
    token.base_url = f"{origin}/v1.2.0-beta"
    asyncio.run(use_asynchronously(token))


if __name__ == "__main__":
    main(sys.argv[1])
