"""What the payer's browser brings back: a query, or a form, that nobody has signed. It is only a hint."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from connectors.families.token_init_status.dialect import Dialect
from connectors.families.token_init_status.reading import is_reference
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint

_BYTES_MAX = 4_096
_FIELDS_MAX = 40
_RETURNED, _OTHER = "returned", "another word"


class Callbacks:
    """Reads what comes back by the names that a dialect has for it."""

    def __init__(self, dialect: Dialect) -> None:
        self._names = dialect.comes_back
        self._words = dialect.words

    def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint, or why there is none; a query and a form are written alike."""
        del headers
        if len(body) > _BYTES_MAX:
            return NoHint("a query that is too long")
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        except ValueError:
            return NoHint("no query")
        told = dict(pairs)
        if len(told) != len(pairs):
            return NoHint("a field that stands twice")
        return self._hint(told)

    def _hint(self, told: Mapping[str, str]) -> CallbackHint | NoHint:
        provider_reference = self._told(told, self._names.provider_reference)
        reference = self._told(told, self._names.reference)
        names = [name for name in (provider_reference, reference) if name]
        if not names or not all(is_reference(name) for name in names):
            return NoHint("no payment")
        claims = self._claims(told)
        return CallbackHint(f"{names[0]} {claims}", provider_reference, claims, reference)

    def _claims(self, told: Mapping[str, str]) -> str:
        """The provider's word where it is one that we know: nothing of a stranger's is repeated."""
        word = self._told(told, self._names.status)
        if not word:
            return _RETURNED
        return word if word in self._words else _OTHER

    @staticmethod
    def _told(told: Mapping[str, str], name: str) -> str:
        """What stands under a name; a dialect without that name is told nothing."""
        return told.get(name, "") if name else ""
