"""A merchant that uses the public client shurjopay-plugin, unmodified, at a simulated shurjoPay.

Run by `shurjopay_against_sandbox.py` in an environment that has nothing but shurjopay-plugin. Its address is
one of its settings. What it asks the machine for its own address wants a way to the internet, so a fixed
address of the documentation's range stands in.
"""

import importlib
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from telling import Json, expect, expect_refusal, versions, want  # type: ignore[import-not-found]  # beside us where we run

plugin: Any = importlib.import_module("shurjopay_plugin.shurjopay_plugin")
models: Any = importlib.import_module("shurjopay_plugin.models")
PAGES = "https://merchant.example"


def client_at(endpoint: str, password: str) -> Any:  # noqa: ANN401 - the client has no types
    config = models.ShurjoPayConfigModel(
        SP_USERNAME="ekpay",
        SP_PASSWORD=password,
        SP_ENDPOINT=endpoint,
        SP_RETURN=f"{PAGES}/return",
        SP_CANCEL=f"{PAGES}/cancel",
        SP_PREFIX="PEER",
        SP_LOGDIR="",
    )
    return plugin.ShurjopayPlugin(config)


def an_order(name: str) -> Any:  # noqa: ANN401 - the client has no types
    return models.PaymentRequestModel(
        amount=120.5,
        order_id=name,
        currency="BDT",
        customer_name="A. Payer",
        customer_address="Dhaka",
        customer_phone="01700000000",
        customer_city="Dhaka",
        customer_post_code="1000",
    )


def opened(client: Any, name: str) -> Any:  # noqa: ANN401 - the client has no types
    details = client.make_payment(an_order(name))
    facts = (details.amount, details.currency, details.customer_order_id, details.transaction_status)
    is_right = facts == (120.5, "BDT", name, "Initiated")
    expect(f"pay {name}", is_right=is_right, sp_order_id=details.sp_order_id, page=details.checkout_url)
    return details


def returned(details: Any, **how: str) -> Json:  # noqa: ANN401 - the client has no types
    sent_to = want("payer", page=details.checkout_url, **how)["sent_to"]
    told = parse_qs(urlsplit(sent_to).query)
    is_right = told["order_id"] == [details.sp_order_id]
    expect("the browser comes back with the order", is_right=is_right, sent_to=sent_to)
    return {"path": urlsplit(sent_to).path}


def paid(client: Any) -> None:  # noqa: ANN401 - the client has no types
    details = opened(client, "PEER-1")
    refuse = plugin.ShurjopayException
    expect_refusal("verify before the payer", refuse, "Initiated", lambda: verified(client, details))
    returned(details)
    proof = verified(client, details)
    facts = (proof.shurjopay_code, proof.amount, proof.received_amount, proof.currency)
    is_right = (*facts, proof.customer_order_id) == ("1000", 120.5, 120.5, "BDT", "PEER-1")
    expect("verify", is_right=is_right, bank_trx_id=proof.bank_trx_id, status=proof.transaction_status)


def verified(client: Any, details: Any) -> Any:  # noqa: ANN401 - the client has no types
    return client.verify_payment(details.sp_order_id)


def unpaid(client: Any) -> None:  # noqa: ANN401 - the client has no types
    refuse = plugin.ShurjopayException
    declined = opened(client, "PEER-2")
    returned(declined, kind="declined")
    expect_refusal("verify a declined payment", refuse, "Declined", lambda: verified(client, declined))
    left = opened(client, "PEER-3")
    is_right = returned(left, does="cancel")["path"] == "/cancel"
    expect("who cancels comes back to the other address", is_right=is_right)
    expect_refusal("verify a cancelled payment", refuse, "Cancelled", lambda: verified(client, left))
    expect("verify a payment that is not there", is_right=client.verify_payment("PEER-nobody") is None)


def main(endpoint: str) -> None:
    versions("shurjopay-plugin", "requests")
    plugin.get_client_ip = lambda: "192.0.2.1"
    client = client_at(endpoint, "gateway-sandbox")
    token = client.authenticate()
    is_right = (token.token_type, token.expires_in) == ("Bearer", 3600) and client.is_token_valid()
    expect("token", is_right=is_right, store_id=token.store_id, created=token.token_create_time)
    paid(client)
    unpaid(client)
    stranger = client_at(endpoint, "another-password")
    expect_refusal("another password", plugin.ShurjopayException, "credentials", stranger.authenticate)


if __name__ == "__main__":
    main(sys.argv[1])
