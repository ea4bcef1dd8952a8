"""Writing the calls of a dialect: the members of a body, the parts of a path.

What may surprise: a body is put together from JSON texts, because an amount that is a JSON number must not
pass through a float on its way out either.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote

from connectors.families.token_init_status.dialect import Dialect, Sends, Sent
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money, format_taka

PLACE = re.compile(r"\{([a-z_]+)\}")
_DAYS: Mapping[str, str] = MappingProxyType(
    {
        "YYYY-MM-DD": "%Y-%m-%d",
        "DD-MM-YYYY": "%d-%m-%Y",
        "DD/MM/YYYY": "%d/%m/%Y",
        "YYYYMMDD": "%Y%m%d",
    }
)

# What an order holds, by the names of `Source`.
Values = Mapping[str, str | Money]


class Writer:
    """Writes what a dialect sends; `secrets` are by their names in the manifest."""

    def __init__(self, dialect: Dialect, secrets: Mapping[str, str]) -> None:
        self._dialect = dialect
        self._secrets = secrets

    def day(self, now: datetime) -> str:
        """The day in Dhaka, as this provider writes it."""
        return in_dhaka(now).strftime(_DAYS[self._dialect.day_form])

    def body(self, sends: Sends, values: Values, told_at_login: Mapping[str, str | int]) -> str:
        """One JSON object with every member that the operation sends."""
        members = (
            f"{json.dumps(member)}: {self._written(sent, values, told_at_login)}"
            for member, sent in sends.items()
        )
        return "{" + ", ".join(members) + "}"

    def _written(self, sent: Sent, values: Values, told_at_login: Mapping[str, str | int]) -> str:
        if sent.source is not None:
            value = values[sent.source]
            return self._amount(value) if isinstance(value, Money) else json.dumps(value)
        if sent.secret is not None:
            return json.dumps(self._secrets[sent.secret])
        if sent.login is not None:
            return json.dumps(told_at_login[sent.login])
        return json.dumps(sent.literal)

    def _amount(self, amount: Money) -> str:
        match self._dialect.amount_form:
            case "text":
                return json.dumps(format_taka(amount.minor))
            case "number":
                return format_taka(amount.minor)
            case "paisa":
                return str(amount.minor)


def filled(path: str, values: Values) -> str:
    """A path of the manifest with its places filled in, each as one part of it."""
    return PLACE.sub(lambda place: quote(str(values[place[1]]), safe=""), path)
