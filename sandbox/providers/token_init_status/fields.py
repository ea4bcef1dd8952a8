"""Reading the fields of a call; the texts of errors name the field and never repeat what was sent."""

import re
from collections.abc import Iterable

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.requests import Form, MalformedRequestError
from sandbox.kit.provider.provider import Provider

TEXT_LENGTH_MAX = 255
_ADDRESS_LENGTH_MAX = 2_000


def text(form: Form, name: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """Return a text that must be there and not be empty.

    Raises:
        MalformedRequestError: it is missing, empty, too long or no text.
    """
    value = form.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= length_max:
        raise MalformedRequestError(f"{name} must be a text of 1 to {length_max} characters")
    return value


def matching_text(form: Form, name: str, pattern: re.Pattern[str]) -> str:
    """Return a text that is written in a certain way.

    Raises:
        MalformedRequestError: it is missing, or written in another way.
    """
    value = form.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise MalformedRequestError(f"{name} is not written as it must be")
    return value


def texts(form: Form, names: Iterable[str]) -> dict[str, str]:
    """Return several texts that must be there.

    Raises:
        MalformedRequestError: one is missing, empty, too long or no text.
    """
    return {name: text(form, name) for name in names}


def address(form: Form, name: str) -> str:
    """Return the address of a page.

    Raises:
        MalformedRequestError: it is missing, or no browser can be sent there.
    """
    value = text(form, name, _ADDRESS_LENGTH_MAX)
    if not is_web_address(value):
        raise MalformedRequestError(f"{name} must be an http or https address")
    return value


def amount(form: Form, name: str) -> int:
    """Return an amount in taka, text or number, as paisa above zero.

    Raises:
        MalformedRequestError: it is missing, or not an amount.
    """
    value = paisa(form.get(name))
    if not value:
        raise MalformedRequestError(f"{name} must be an amount in taka above zero")
    return value


def is_amount_accepted(provider: Provider, amount_paisa: int) -> bool:
    """Whether the institution takes so much, or so little, at once."""
    limits = provider.institution.family_data
    return int(limits["least_paisa"]) <= amount_paisa <= int(limits["most_paisa"])
