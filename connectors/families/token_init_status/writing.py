"""Writing the calls of a dialect: the members of a body, the parameters of a path.

A body is joined from JSON texts, because an amount that is a JSON number must never be a float.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote

from connectors.families.token_init_status.dialect import Dialect, Sends, SentMember
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money, format_taka

PATH_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_DAYS: Mapping[str, str] = MappingProxyType(
    {
        "YYYY-MM-DD": "%Y-%m-%d",
        "DD-MM-YYYY": "%d-%m-%Y",
        "DD/MM/YYYY": "%d/%m/%Y",
        "YYYYMMDD": "%Y%m%d",
    }
)

# The values of an order, by the names of `Source`.
Values = Mapping[str, str | Money]


class Writer:
    """Writes the calls of a dialect; `secrets` are by their names in the manifest."""

    def __init__(self, dialect: Dialect, secrets: Mapping[str, str]) -> None:
        self._dialect = dialect
        self._secrets = secrets

    def day(self, now: datetime) -> str:
        """The Dhaka date in this provider's format."""
        return in_dhaka(now).strftime(_DAYS[self._dialect.day_form])

    def body(self, sends: Sends, values: Values, kept_values: Mapping[str, str | int]) -> str:
        """The JSON object of all members that the operation sends."""
        members = (
            f"{json.dumps(member)}: {self._member_json(sent, values, kept_values)}"
            for member, sent in sends.items()
        )
        return "{" + ", ".join(members) + "}"

    def _member_json(self, sent: SentMember, values: Values, kept_values: Mapping[str, str | int]) -> str:
        if sent.source is not None:
            value = values[sent.source]
            return self._amount(value) if isinstance(value, Money) else json.dumps(value)
        if sent.secret is not None:
            return json.dumps(self._secrets[sent.secret])
        if sent.login is not None:
            return json.dumps(kept_values[sent.login])
        return json.dumps(sent.literal)

    def _amount(self, amount: Money) -> str:
        match self._dialect.amount_form:
            case "text":
                return json.dumps(format_taka(amount.minor))
            case "number":
                return format_taka(amount.minor)
            case "paisa":
                return str(amount.minor)


def fill_path(path: str, values: Values) -> str:
    """A path of the manifest with its parameters filled in, each as one segment."""
    return PATH_PARAMETER.sub(lambda match: quote(str(values[match[1]]), safe=""), path)
