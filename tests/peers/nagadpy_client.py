"""A merchant that uses the public client nagadpy, unmodified, at a simulated Nagad.

Run by `nagad_against_sandbox.py` in an environment that has nothing but nagadpy. Its address and its keys are
what it is constructed with.
"""

import base64
import importlib
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from telling import Json, expect, expect_refusal, versions, want  # type: ignore[import-not-found]  # beside us where we run

CALLBACK = "https://merchant.example/return"
FACTS = ("base_url", "merchant_id", "callback_url", "private_key", "public_key", "client_ip_address")

nagadpy: Any = importlib.import_module("nagadpy")
errors: Any = importlib.import_module("nagadpy.exceptions")
rsa: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
serialization: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")


def paid(client: Any, verifier: Any, order: str) -> None:  # noqa: ANN401 - the client has no types
    opened = client.checkout_process("120.50", order)
    expect("checkout", is_right=opened["status"] == "Success", page=opened["callBackUrl"])
    expect_refusal(
        "checkout of the same order",
        errors.PaymentCompleteError,
        "DuplicateOrderId",
        lambda: client.checkout_process("120.50", order),
    )
    told = told_by(verifier, opened["callBackUrl"])
    expect("callback", is_right=(told["status"], told["order_id"]) == ("Success", order))
    proof = verifier.verify_payment(told["payment_ref_id"])
    is_right = (proof["status"], proof["statusCode"], proof["amount"]) == ("Success", "000", "120.50")
    expect("verify", is_right=is_right and proof["orderId"] == order, ref=proof["issuerPaymentRefNo"])


def told_by(verifier: Any, page: str, **how: str) -> Json:  # noqa: ANN401 - the client has no types
    """What the callback carries, read by the client's own parser."""
    sent_to = want("payer", page=page, **how)["sent_to"]
    told: Json = verifier.parse_payment_response(urlsplit(sent_to).query)
    expect(
        "callback is parsed", is_right=told["order_id"] == parse_qs(urlsplit(sent_to).query)["order_id"][0]
    )
    return told


def otherwise(client: Any, verifier: Any) -> None:  # noqa: ANN401 - the client has no types
    for order, wanted, how in (
        ("PEER0002", "Failed", {"kind": "insufficient_funds"}),
        ("PEER0003", "Cancelled", {"kind": "cancels"}),
        ("PEER0004", "Success", {"kind": "says_declined"}),
    ):
        page = client.checkout_process("99.00", order)["callBackUrl"]
        told = told_by(verifier, page, **how)
        proof = verifier.verify_payment(told["payment_ref_id"])
        facts = {"callback": told["status"], "proof": proof["status"]}
        expect(f"verify {how['kind']}", is_right=proof["status"] == wanted, **facts)


def refused(facts: Json, verifier: Any) -> None:  # noqa: ANN401 - the client has no types
    def checkout(step: str, words: str, amount: str = "120.50", **changes: str) -> None:
        client = nagadpy.NagadPayment(**(facts | changes))
        error = errors.PaymentCompleteError
        expect_refusal(step, error, words, lambda: client.checkout_process(amount, "PEER0005"))

    checkout("another merchant's signature", "SignatureVerificationFailed", private_key=another_key())
    checkout("another merchant", "InvalidMerchant", merchant_id="100000000000009")
    checkout("no amount", "InvalidPurchaseInformation", amount="0")
    nobody = verifier.verify_payment("nobody")
    expect("verify a payment that is not there", is_right=nobody["reason"] == "InvalidReferenceId")


def another_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(der).decode()


def main(base_url: str, keys: Json) -> None:
    versions("nagadpy", "cryptography", "requests")
    facts = {
        "base_url": base_url,
        "merchant_id": keys["MERCHANT_ID"],
        "callback_url": CALLBACK,
        "private_key": keys["EKPAY_NAGAD_PRIVATE_KEY"],
        "public_key": keys["EKPAY_NAGAD_GATEWAY_KEY"],
        "client_ip_address": "192.0.2.1",
    }
    client, verifier = nagadpy.NagadPayment(**facts), nagadpy.NagadPaymentVerify(base_url=base_url)
    paid(client, verifier, "PEER0001")
    otherwise(client, verifier)
    refused(facts, verifier)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
