"""The order form as a customer sent it: what stands in each field, and which field says what is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.callers.ekshop.catalogue import AGENT_OF, DISTRICTS, GOOD_OF
from sandbox.callers.ekshop.pricing import QUANTITY_MAX, OrderBill, Purchase
from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.kit.payer_pages.language import typed_digits, typed_mobile

TEXT_MAX = 200
QUANTITY = "q-"
"""What stands before a good's code in the name of its field."""
GOODS = "goods"
"""The name under which a fault of all quantities together is reported."""

_MOBILE = re.compile(r"01[3-9][0-9]{8}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FIELDS = ("name", "mobile", "email", "address", "district", "agent")


class UnreadableFormError(ValueError):
    """A form that none of our pages sends."""


@dataclass(frozen=True, slots=True)
class OrderForm:
    """What was typed, by the names of the fields; and the name of a text for each field that is wrong."""

    values: Mapping[str, str]
    quantities: Mapping[str, int]
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def purchase(self) -> Purchase:
        """The goods and the place of delivery; its price can be had if no field of theirs is wrong."""
        return Purchase(self.quantities, self.values["district"], self.values["agent"] or None)

    @property
    def bill(self) -> OrderBill | None:
        """The price, or None where goods or place are missing or wrong."""
        is_priced = self.quantities and not any(self._is_of_purchase(name) for name in self.errors)
        return self.purchase.bill() if is_priced else None

    @property
    def customer(self) -> ShopCustomer:
        """The customer; only of a form without errors."""
        values = self.values
        return ShopCustomer(
            values["name"], typed_mobile(values["mobile"]), values["email"], values["address"]
        )

    @staticmethod
    def _is_of_purchase(name: str) -> bool:
        return name in {GOODS, "district", "agent"} or name.startswith(QUANTITY)


def empty_form(quantities: Mapping[str, int]) -> OrderForm:
    """Return a form in which nothing was typed yet."""
    return OrderForm(dict.fromkeys(_FIELDS, "") | {"district": next(iter(DISTRICTS))}, dict(quantities))


def read_order_form(sent: Mapping[str, str]) -> OrderForm:
    """Read an order form; everything that is wrong has an error of its own.

    Raises:
        UnreadableFormError: it names a good that is not on sale.
    """
    values = {name: sent.get(name, "") for name in _FIELDS}
    values |= {name: text for name, text in sent.items() if name.startswith(QUANTITY)}
    quantities, errors = _read_quantities(sent)
    if not quantities and not errors:
        errors[GOODS] = "no_goods"
    wrong = {
        "name": (not values["name"], "name_missing"),
        "mobile": (_MOBILE.fullmatch(typed_mobile(values["mobile"])) is None, "mobile_wrong"),
        "email": (bool(values["email"]) and _EMAIL.fullmatch(values["email"]) is None, "email_wrong"),
        "address": (not values["address"], "address_missing"),
        "district": (values["district"] not in DISTRICTS, "district_missing"),
        "agent": (bool(values["agent"]) and values["agent"] not in AGENT_OF, "agent_wrong"),
    }
    errors |= {name: text for name, (is_wrong, text) in wrong.items() if is_wrong}
    errors |= {name: "too_long" for name in ("name", "email", "address") if len(values[name]) > TEXT_MAX}
    return OrderForm(values, quantities, errors)


def read_quantities(sent: Mapping[str, str]) -> dict[str, int]:
    """Return the quantities of a form by good; empty fields are skipped.

    Raises:
        UnreadableFormError: one is no number of goods, or of a good that is not on sale.
    """
    quantities, errors = _read_quantities(sent, zero_counts=True)
    if errors:
        raise UnreadableFormError(UnreadableFormError.__doc__)
    return quantities


def _read_quantities(
    sent: Mapping[str, str], *, zero_counts: bool = False
) -> tuple[dict[str, int], dict[str, str]]:
    quantities: dict[str, int] = {}
    errors: dict[str, str] = {}
    for name, text in sent.items():
        if not name.startswith(QUANTITY) or not text:
            continue
        code, number = name.removeprefix(QUANTITY), typed_digits(text)
        if code not in GOOD_OF:
            raise UnreadableFormError(UnreadableFormError.__doc__)
        if re.fullmatch("[0-9]{1,3}", number) is None or int(number) > QUANTITY_MAX:
            errors[name] = "quantity_wrong"
        elif int(number) or zero_counts:
            quantities[code] = int(number)
    return quantities, errors
