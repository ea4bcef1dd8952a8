"""A merchant that uses the public client sslcommerz-client, unmodified, at a simulated SSLCommerz.

Run by `sslcommerz_against_sandbox.py` in an environment that has nothing but sslcommerz-client. It has a
property for its address and no way to set it, so a class of ours inherits everything else.
"""

import importlib
import sys
from typing import Any
from urllib.parse import parse_qsl

from telling import Json, expect, versions, want  # type: ignore[import-not-found]  # beside us where we run

client_module: Any = importlib.import_module("sslcommerz_client")
STORE = ("ekpay", "gateway-sandbox")
ORDER = {
    "total_amount": "120.50",
    "currency": "BDT",
    "product_category": "bill",
    "product_name": "Bill",
    "product_profile": "non-physical-goods",
    "shipping_method": "NO",
    "num_of_item": 1,
    "success_url": "https://merchant.example/success",
    "fail_url": "https://merchant.example/fail",
    "cancel_url": "https://merchant.example/cancel",
    "cus_name": "A. Payer",
    "cus_email": "payer@example.org",
    "cus_add1": "Dhaka",
    "cus_city": "Dhaka",
    "cus_postcode": "1000",
    "cus_country": "Bangladesh",
    "cus_phone": "01700000000",
    "value_a": "a & b",
}


class AtSandbox(client_module.SSLCommerzClient):  # type: ignore[misc]  # the client has no types
    """The client at another address, and otherwise as it is."""

    baseURL = sys.argv[1]  # noqa: N815 - its own name


def paid(client: Any, ipn_url: str) -> str:  # noqa: ANN401 - the client has no types
    order = {**ORDER, "tran_id": "PEER-1", "ipn_url": ipn_url}
    opened = client.initiate_session(order).response
    expect("session", is_right=opened.status == "SUCCESS", page=opened.GatewayPageURL)
    again = client.initiate_session(order).response
    expect("session under the same tran_id", is_right=again.status == "FAILED", reason=again.failedreason)
    told = want("payer", page=opened.GatewayPageURL)
    expect("the return is signed", is_right=client.validate_IPN(told["carries"]).status)
    form = dict(parse_qsl(want("ipn")["body"], keep_blank_values=True))
    expect("the IPN is signed", is_right=client.validate_IPN(form).status)
    changed = client.validate_IPN(form | {"amount": "999.00"})
    expect("the IPN with another amount is not", is_right=not changed.status)
    stranger = AtSandbox("ekpay", "another-password")
    expect("nor is it under another password", is_right=not stranger.validate_IPN(form).status)
    proofs(client, form, opened.sessionkey)
    return str(form["bank_tran_id"])


def proofs(client: Any, form: Json, sessionkey: str) -> None:  # noqa: ANN401 - the client has no types
    for words in ("VALID", "VALIDATED"):
        proof = client.get_order_validation_data({"val_id": form["val_id"]}).response
        is_right = (proof.status, proof.tran_id, str(proof.amount)) == (words, "PEER-1", "120.50")
        expect(f"validation says {words}", is_right=is_right and proof.value_a == "a & b")
    by_session = client.get_transaction_by_session(sessionkey).response
    expect("query by session", is_right=by_session.tran_id == "PEER-1", status=by_session.status)
    by_id = client.get_transaction_by_id("PEER-1").response
    is_right = by_id.no_of_trans_found == len(by_id.element) == 1
    expect("query by tran_id", is_right=is_right and by_id.element[0].val_id == form["val_id"])
    nobody = client.get_transaction_by_id("PEER-9").response
    expect("query of nobody", is_right=nobody.no_of_trans_found == 0)


def given_back(client: Any, bank_tran_id: str) -> None:  # noqa: ANN401 - the client has no types
    asked = {"bank_tran_id": bank_tran_id, "refund_remarks": "returned", "refe_id": "1"}
    refund = client.initiate_refund({**asked, "refund_amount": "20.50"}).response
    expect("refund", is_right=refund.status in {"success", "processing"}, refund=refund.refund_ref_id)
    too_much = client.initiate_refund({**asked, "refund_amount": "101.00"}).response
    expect("refund of more than is left", is_right=too_much.status == "failed", reason=too_much.errorReason)


def main(ipn_url: str) -> None:
    versions("sslcommerz-client", "pydantic", "requests")
    client = AtSandbox(*STORE)
    given_back(client, paid(client, ipn_url))
    refused = AtSandbox("ekpay", "another-password").initiate_session({**ORDER, "tran_id": "PEER-2"}).response
    expect("session of a stranger", is_right=refused.status == "FAILED", reason=refused.failedreason)


if __name__ == "__main__":
    main(sys.argv[2])
