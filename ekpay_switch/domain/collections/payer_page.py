"""What a provider's page is told for its payer: whom the payer pays, and in which language to say it."""

from dataclasses import dataclass
from enum import StrEnum


class PayerLanguage(StrEnum):
    """A language of payers' pages; the value is that of `lang` in HTML."""

    BANGLA = "bn"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class PageContent:
    """The payee's names, and the language of the page where the payer pressed the button.

    A name is empty, and the language None, where we do not know it.
    """

    payee_en: str = ""
    payee_bn: str = ""
    language: PayerLanguage | None = None


NOTHING_KNOWN = PageContent()
"""Where nobody says who is paid: a provider's page shows the name that is registered there, which is ours."""
