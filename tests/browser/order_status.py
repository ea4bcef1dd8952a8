"""What shop and switch say of an order, read past the browser."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

from tests.browser.installation import Street
from tests.browser.shopper import Shopper

_DHAKA_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def order_of(street: Street, shopper: Shopper) -> Mapping[str, Any]:
    """The shop's book about the order whose page is shown."""
    order_id = re.sub(r".*/orders/", "", shopper.page.url).split("?")[0].split("/")[0]
    (found,) = [one for one in street.book()["orders"] if one["id"] == order_id]
    return dict(found)


def attempt_of(street: Street, shopper: Shopper) -> Mapping[str, Any]:
    """The order's newest payment, as the shop's book has it."""
    return dict(order_of(street, shopper)["attempts"][-1])


def ipns_of(street: Street, trnx_id: str) -> list[str]:
    """The codes of every IPN that the shop has heard about this payment."""
    attempts = [one for order in street.book()["orders"] for one in order["attempts"]]
    (found,) = [one for one in attempts if one["trnx_id"] == trnx_id]
    return [ipn["code"] for ipn in found["ipns"]]


def payment_of(street: Street, trnx_id: str, day: str = "") -> Mapping[str, Any]:
    """What get-status says, as the shop's own address may ask."""
    asked = {"trnx_id": trnx_id, "trans_date": day or "2026-01-01"}
    call = Request(  # noqa: S310 - loopback
        f"{street.switch}/ekpaypg/v1/get-status",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(call, timeout=10) as answer:  # noqa: S310 - loopback
        told: Mapping[str, Any] = json.load(answer)
    return told
