"""The call that opens a page, and the order of a session."""

import re
from typing import Any

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import json_object
from sandbox.kit.provider.hooks import random_text
from sandbox.kit.provider.orders import LANGUAGE, MERCHANT_NAME, PURPOSE, NewOrder, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.mpgs.replies import invalid

MERCHANT = "merchant"
"""The fact of an order that names its merchant."""

_VERSION = re.compile(r"[1-9][0-9]{0,2}")
_LAST_OLD_VERSION = 62
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_TEXT_MAX, _NAME_MAX = 127, 40
_LOCALE = re.compile(r"[a-z]{2}([_-][A-Z]{2})?", re.ASCII)
_SECONDS_MAX = 86_400
_ADDRESSES = {"returnUrl": "return_url", "cancelUrl": "cancel_url"}


def is_reference(value: object) -> bool:
    """Whether a value can be the id of an order or of a transaction."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def order_of_session(provider: Provider, name: str) -> ProviderOrder | None:
    """Return the order that a session holds, if it is one."""
    order = provider.find_by_provider_name(name)
    if order is not None:
        # The book knows orders by other names too, and those are no sessions.
        return order if order.provider_reference == name else None
    note = provider.book.note(provider.institution.id, name)
    return None if note is None else provider.find(note.get("order", ""))


def read_session(provider: Provider, request: Request) -> NewOrder | Reply:
    """Return the order to open a page for, or the refusal of the call.

    Raises:
        MalformedRequestError: the body is no JSON object.
    """
    form = json_object(request.body)
    interaction, order = _part(form, "interaction"), _part(form, "order")
    wrong = _wrong_call(request, form) or _wrong_interaction(interaction) or _wrong_order(order)
    if wrong is not None:
        return wrong
    facts = {fact: str(interaction.get(name, "")) for name, fact in _ADDRESSES.items()}
    facts |= {
        "notification_url": str(order.get("notificationUrl", "")),
        "success_indicator": random_text(16, "0123456789abcdef"),
        MERCHANT: request.values["merchant"],
        MERCHANT_NAME: str(_part(interaction, "merchant")["name"]),
        LANGUAGE: str(interaction.get("locale", "")),
        PURPOSE: str(order.get("description", "")),
    }
    seconds = interaction.get("timeout")
    # A merchant that divides its times has sent a divided one already.
    life = None if seconds is None else round(seconds * provider.settings.page_times_divisor)
    amount_paisa = paisa(order["amount"]) or 0
    return NewOrder(order["id"], amount_paisa, order["currency"], facts=facts, page_seconds=life)


def _part(form: dict[str, Any], name: str) -> dict[str, Any]:
    part = form.get(name)
    return part if isinstance(part, dict) else {}


def _wrong_call(request: Request, form: dict[str, Any]) -> Reply | None:
    version = request.values["version"]
    if _VERSION.fullmatch(version) is None:
        return invalid("version")
    is_old = int(version) <= _LAST_OLD_VERSION
    operation = form.get("apiOperation")
    if operation is None:
        return invalid("apiOperation", "MISSING")
    if operation != ("CREATE_CHECKOUT_SESSION" if is_old else "INITIATE_CHECKOUT"):
        return invalid("apiOperation", "UNSUPPORTED")
    return None


def _wrong_interaction(interaction: dict[str, Any]) -> Reply | None:
    operation, seconds = interaction.get("operation"), interaction.get("timeout", 1)
    name, locale = _part(interaction, "merchant").get("name"), interaction.get("locale")
    retries = {"redirectMerchantUrl", "retryAttemptCount"} & interaction.keys()
    is_wrong = {
        ("operation", "MISSING"): operation is None,
        ("operation", "UNSUPPORTED"): operation != "PURCHASE",
        ("merchant.name", "MISSING"): not isinstance(name, str) or not name,
        ("merchant.name", "INVALID"): isinstance(name, str) and len(name) > _NAME_MAX,
        ("locale", "INVALID"): locale is not None and not _is_locale(locale),
        # Either both or none (connectors.md 11.1).
        ("retryAttemptCount", "MISSING"): len(retries) == 1,
        ("timeout", "INVALID"): not _is_seconds(seconds),
    }
    for address in _ADDRESSES:
        value = interaction.get(address)
        is_wrong[address, "INVALID"] = value is not None and not is_web_address(value)
    wrong_field = next((field for field, is_so in is_wrong.items() if is_so), None)
    return None if wrong_field is None else invalid(f"interaction.{wrong_field[0]}", wrong_field[1])


def _is_locale(value: object) -> bool:
    return isinstance(value, str) and _LOCALE.fullmatch(value) is not None


def _is_seconds(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _SECONDS_MAX


def _wrong_order(order: dict[str, Any]) -> Reply | None:
    description, address = order.get("description", ""), order.get("notificationUrl")
    is_wrong = {
        "id": not is_reference(order.get("id")),
        "amount": not paisa(order.get("amount")),
        "currency": order.get("currency") != "BDT",
        "description": not isinstance(description, str) or len(description) > _TEXT_MAX,
        "notificationUrl": address is not None and not is_web_address(address),
    }
    wrong_field = next((field for field, is_so in is_wrong.items() if is_so), None)
    return None if wrong_field is None else invalid(f"order.{wrong_field}")
