"""The pages of a provider for its payers, in one language each; they need no script and load nothing.

Everything that came from outside is escaped. Each page says that no real money moves here.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.kit.institution.pages import PageVisit, with_query
from sandbox.kit.institution.replies import Header
from sandbox.kit.payer_pages import wording
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import PARAMETER, Language, Text, digits, language_of, money

_TEMPLATES = Path(__file__).with_name("templates")
_PAGE = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("payer_page.html")
_STYLE = (_TEMPLATES / "payer.css").read_text(encoding="utf-8")
# The only script; a browser without scripts has the button instead.
_SEND = "document.forms[0].submit()"
_SEND_HASH = b64encode(sha256(_SEND.encode()).digest())
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", _POLICY),
)
"""What every page is sent with."""

_TELL = "parent.postMessage(JSON.parse(document.querySelector('[data-told]').dataset.told),'*')"
_TELL_HASH = b64encode(sha256(_TELL.encode()).digest())

AUTO_POST_HEADERS: tuple[Header, ...] = (
    *HEADERS[:-1],
    (b"content-security-policy", _POLICY + b"; script-src 'sha256-" + _SEND_HASH + b"'"),
)
"""What a page is sent with that sends its form by itself."""

FRAMED_HEADERS: tuple[Header, ...] = (
    *HEADERS[:-1],
    (
        b"content-security-policy",
        _POLICY.replace(b"frame-ancestors 'none'", b"frame-ancestors *")
        + b"; script-src 'sha256-"
        + _TELL_HASH
        + b"'",
    ),
)
"""What a page is sent with that stands in a frame of anybody's page, and tells it how the payer has ended."""


class Field(NamedTuple):
    """The one field of a step of the page; a secret one is never shown again."""

    name: str
    label: Text
    hint: Text
    is_secret: bool = False
    autocomplete: str = "off"


class Consequence(StrEnum):
    """What the last button of a page does, so that it can say so."""

    PAY = "pay"
    ALLOW = "allow"
    """The payer only agrees; the merchant's own call takes the money afterwards."""
    AGREE = "agree"
    """No money moves: the payer agrees to be asked again."""


class PaymentDue(NamedTuple):
    """What is to be paid, and to whom, as the merchant has sent it; `purpose` may be empty."""

    merchant: str
    invoice: str
    amount_paisa: int
    purpose: str = ""
    consequence: Consequence = Consequence.PAY

    def rows(self, language: Language) -> tuple[tuple[str, str], ...]:
        """Each name with its value; the sum and the payee stand above them.

        An invoice number that the purpose ends with is not said twice.
        """
        invoice = "" if self.purpose.endswith(self.invoice) else self.invoice
        rows = ((wording.PURPOSE, self.purpose), (wording.INVOICE, invoice))
        return tuple((name.of(language), value) for name, value in rows if value)

    def sum_text(self, language: Language) -> str:
        """The sum with its currency."""
        return money(self.amount_paisa, language)


class AgreementDue(NamedTuple):
    """What a payer is asked to agree to: a merchant may ask for money again, with the PIN alone."""

    merchant: str
    reference: str
    consequence: Consequence = Consequence.AGREE

    def rows(self, language: Language) -> tuple[tuple[str, str], ...]:
        """Each name with its value."""
        return (
            (wording.REFERENCE.of(language), self.reference),
            (wording.AGREEMENT.of(language), wording.PIN_ALONE.of(language)),
        )

    def sum_text(self, language: Language) -> str:  # noqa: ARG002 - as of a payment
        """No sum."""
        return ""


class NumberToTry(NamedTuple):
    """A number that may be typed, and what comes of it."""

    number: str
    meaning: Text


class TryThese(NamedTuple):
    """What may be typed at the pages of a provider: its numbers, the code and the PIN."""

    numbers: Sequence[NumberToTry]
    otp: str
    pin: str


class Step(NamedTuple):
    """One step of a page: its field, what was wrong with what was typed, and where the step stands."""

    field: Field
    at: int
    steps: int
    error: Text | None = None
    typed: str = ""


class Message(NamedTuple):
    """A page with nothing to fill in: what has happened, and what its reader can do."""

    headline: Text
    advice: Text


UNKNOWN, LAPSED, APPROVED, NOT_APPROVED = (
    Message(*texts) for texts in (wording.UNKNOWN, wording.LAPSED, wording.APPROVED, wording.NOT_APPROVED)
)


@dataclass(frozen=True, slots=True)
class PayerPage:
    """The pages of one provider for one browser, in the language that it reads."""

    branding: Branding
    language: Language
    query: Mapping[str, str]
    """The fields of the page's own address, which the link to the other language keeps."""

    @classmethod
    def for_visit(cls, branding: Branding, visit: PageVisit, sent_language: str = "") -> Self:
        """Return the pages for the browser that has sent this request.

        `sent_language` is what the merchant has sent for its payer, empty where it has sent none.
        """
        return cls(branding, language_of(visit, sent_language), visit.query)

    def form(self, due: PaymentDue | AgreementDue, step: Step, tries: TryThese) -> str:
        """Return the page of one step: one field, and the buttons confirm and cancel."""
        is_last = step.at == step.steps
        confirm = wording.CONFIRMATIONS[due.consequence] if is_last else wording.NEXT
        return self._page(
            step.field.label.of(self.language),
            due=due,
            rows=due.rows(self.language),
            sum=due.sum_text(self.language),
            step=step,
            confirm=confirm.of(self.language).format(sum=due.sum_text(self.language)),
            cancel=wording.CANCELLATIONS[due.consequence].of(self.language),
            tries=tries,
            kept="" if step.field.is_secret else step.typed,
        )

    def message(self, message: Message) -> str:
        """Return a page with one message and no form."""
        return self._page(message.headline.of(self.language), message=message)

    def auto_post(self, url: str, fields: Mapping[str, str]) -> str:
        """Return a page that sends a browser on with POST, by itself or by its one button."""
        title = wording.GO_BACK.of(self.language)
        return self._page(title, sent_to=url, hidden=fields, script=_SEND)

    def for_parent(self, message: Message, told: Mapping[str, str]) -> str:
        """Return a message that also tells the page around its frame these fields, whosever it is."""
        title = message.headline.of(self.language)
        return self._page(title, message=message, told=json.dumps(told), script=_TELL)

    def _page(self, title: str, **members: object) -> str:
        other = self.language.other
        return _PAGE.render(
            {
                "page": self,
                "title": title,
                "words": wording,
                "style": _STYLE,
                "digits": digits,
                "other": other,
                "other_page": with_query("", **{**self.query, PARAMETER: other}),
            }
            | dict.fromkeys(("due", "step", "message", "sent_to", "told", "script"))
            | members
        )
