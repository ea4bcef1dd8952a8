"""The return of the payer's browser: an unsigned query or form, which is only a hint."""

from collections.abc import Mapping

from connectors.callback_query import query_fields
from connectors.families.token_init_status.dialect import Dialect
from connectors.families.token_init_status.reading import is_reference
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_BYTES_MAX = 4_096
_FIELDS_MAX = 40
_RETURNED, _UNKNOWN_WORD = "returned", "another word"


class BrowserReturns:
    """Reads the return of a browser by the names of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._names = dialect.comes_back
        self._words = dialect.words

    def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint, or why there is none; a query and a form have the same format."""
        del headers
        try:
            fields = query_fields(body, bytes_max=_BYTES_MAX, fields_max=_FIELDS_MAX)
        except BrokenReplyError as error:
            return NoHint(str(error))
        return self._hint(fields)

    def _hint(self, fields: Mapping[str, str]) -> CallbackHint | NoHint:
        provider_reference = self._field(fields, self._names.provider_reference)
        reference = self._field(fields, self._names.reference)
        names = [name for name in (provider_reference, reference) if name]
        if not names or not all(is_reference(name) for name in names):
            return NoHint("no payment")
        claims = self._status_claim(fields)
        return CallbackHint(f"{names[0]} {claims}", provider_reference, claims, reference)

    def _status_claim(self, fields: Mapping[str, str]) -> str:
        """The provider's status word where it is a known one; no other word is repeated."""
        word = self._field(fields, self._names.status)
        if not word:
            return _RETURNED
        return word if word in self._words else _UNKNOWN_WORD

    @staticmethod
    def _field(fields: Mapping[str, str], name: str) -> str:
        """The value of a field; empty where the dialect has no such name."""
        return fields.get(name, "") if name else ""
