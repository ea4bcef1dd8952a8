"""Where the pages of one payment are, in the language of their payer."""

from dataclasses import dataclass
from urllib.parse import urlencode

from ekpay_switch.web.languages import PARAMETER
from ekpay_switch.web.wording import Language


@dataclass(frozen=True, slots=True)
class PageAddresses:
    """Addresses below one page, which keep its language for browsers that keep no cookie.

    Bangla is kept where the address named it, since the order or the browser may ask for another language.
    """

    base: str
    language: Language
    is_named: bool = False

    def __call__(self, below: str = "", **query: object) -> str:
        """The address of what stands below the page, with a query."""
        is_kept = self.is_named or self.language is not Language.BANGLA
        language = {PARAMETER: self.language.value} if is_kept else {}
        query_text = urlencode({**query, **language})
        return f"{self.base}{below}?{query_text}" if query_text else f"{self.base}{below}"
