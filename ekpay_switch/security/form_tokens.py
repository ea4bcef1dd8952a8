"""Form tokens against cross-site requests: a page elsewhere does not know them (T53).

A token opens the forms of one page. It is derived and not kept, so that a page that was left open for hours
still works, on every process alike.
"""

import hashlib
import hmac

from ekpay_switch.security.keys import KeyRing

_PURPOSE = "form-tokens/1"


class FormTokens:
    """Makes and checks the tokens of forms."""

    __slots__ = ("_key",)

    def __init__(self, keys: KeyRing) -> None:
        self._key = keys.sub_key(_PURPOSE)

    def of(self, page: str) -> str:
        """The token of the page of this name."""
        return hmac.new(self._key, page.encode(), hashlib.sha256).hexdigest()

    def is_of(self, token: str, page: str) -> bool:
        """Whether this is that page's token; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.of(page).encode())
