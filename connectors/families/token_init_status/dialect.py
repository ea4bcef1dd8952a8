"""The field map: the names and formats of a provider of this family, as `family_settings` of its manifest.

Every setting names a member, a word or a format of a short list; there are no conditions and no expressions.
A path has points between members, such as `data.status`; paths separated by blanks are alternatives, of which
the first that is present counts. An empty path says that the provider has no such member; any other path must
be present, unless its setting says otherwise.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from ekpay_switch.wing_kit.manifest_sections import Name, Section

_MEMBER = r"[A-Za-z_][A-Za-z0-9_-]{0,39}"
_PATH = rf"{_MEMBER}(\.{_MEMBER})*"
_PATHS = rf"{_PATH}( {_PATH})*"
Member = Annotated[str, Field(pattern=f"^{_MEMBER}$")]
MemberOrNone = Annotated[str, Field(pattern=f"^({_MEMBER})?$")]
Path = Annotated[str, Field(pattern=f"^{_PATH}$")]
Paths = Annotated[str, Field(pattern=f"^{_PATHS}$")]
PathsOrNone = Annotated[str, Field(pattern=f"^({_PATHS})?$")]
HttpStatuses = Annotated[str, Field(pattern="^4[0-9]{2}( 4[0-9]{2})*$")]

Source = Literal[
    "amount",
    "currency",
    "notify_url",
    "payee",
    "payer_reference",
    "provider_reference",
    "provider_transaction",
    "reason",
    "reference",
    "refund_reference",
    "return_url",
    "today",
    "token",
]
AmountForm = Literal["text", "number", "paisa"]
DayForm = Literal["YYYY-MM-DD", "DD-MM-YYYY", "DD/MM/YYYY", "YYYYMMDD"]
TimeForm = Literal["YYYY-MM-DDTHH:MM:SS+06:00", "YYYY-MM-DD HH:MM:SS", "YYYY-MM-DD hh:mm:ssam", "YYYY-MM-DD"]
Standing = Literal["paid", "awaiting_payer", "never_paid"]
RefundStanding = Literal["done", "processing", "refused"]


class SentMember(Section):
    """One member of a call: a value of the order, a secret, a value kept from the login, or a literal."""

    source: Source | None = Field(default=None, alias="from")
    secret: Name | None = None
    login: Name | None = None
    literal: JsonValue = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(source is not None for source in (self.source, self.secret, self.login, self.literal)) != 1:
            raise ValueError("a member has one of from, secret, login and literal")
        return self


Sends = Mapping[Member, SentMember]


class LoginAnswer(Section):
    """The answer to a login: its token, the token's life, and the values that later calls send (`keeps`)."""

    token: Paths
    life_seconds: PathsOrNone
    keeps: Mapping[Name, Path] = Field(default_factory=dict)


class Login(Section):
    """The call that returns a token; `life_seconds` is used where the answer has no life."""

    sends: Sends
    code: PathsOrNone = ""
    reads: LoginAnswer
    life_seconds: Annotated[int, Field(ge=60, le=86_400)]
    per_hour: Annotated[int, Field(ge=2, le=3_600)]


class InitAnswer(Section):
    """The answer to the call that opens a page."""

    provider_reference: Paths
    page_url: Paths
    reference: PathsOrNone
    amount: PathsOrNone
    currency: PathsOrNone
    status: PathsOrNone


class Init(Section):
    """The call that opens a page; `url_from_login` is the kept value with its URL, where the login has it."""

    sends: Sends
    code: PathsOrNone = ""
    url_from_login: Annotated[str, Field(pattern="^([a-z][a-z0-9_]{1,40})?$")] = ""
    reads: InitAnswer


class StatusAnswer(Section):
    """The state of a payment; every amount of `also_amounts` that is present must be equal."""

    provider_reference: PathsOrNone
    reference: Paths
    status: Paths
    amount: Paths
    also_amounts: PathsOrNone = ""
    currency: PathsOrNone
    transaction: Paths
    payer: PathsOrNone = ""
    paid_at: PathsOrNone = ""


class Status(Section):
    """The inquiry; `answer` says whether its answer is an object, or a list whose first entry counts."""

    sends: Sends = Field(default_factory=dict)
    code: PathsOrNone = ""
    answer: Literal["object", "list"] = "object"
    reads: StatusAnswer


class RefundAnswer(Section):
    """One refund. Where refunds come in lists, `rows` are the refunds and `refused_rows` the declined ones.

    A row that is a text is read as the member `text_row`. Where `amount_may_be_untold`, a missing amount is
    the requested one. Without a `status`, every refund in an answer is done.
    """

    rows: PathsOrNone = ""
    refused_rows: PathsOrNone = ""
    text_row: MemberOrNone = ""
    provider_reference: PathsOrNone = ""
    reference: PathsOrNone = ""
    refund_reference: PathsOrNone = ""
    name: Paths
    amount: Paths
    amount_may_be_untold: bool = False
    currency: PathsOrNone
    status: PathsOrNone


class Refund(Section):
    """The refund call or the refund inquiry; the body is one object or a list with one object."""

    sends: Sends = Field(default_factory=dict)
    sends_as: Literal["object", "list"] = "object"
    code: PathsOrNone = ""
    reads: RefundAnswer


class ComesBack(Section):
    """The members of the browser's unsigned query."""

    provider_reference: MemberOrNone
    reference: MemberOrNone
    status: MemberOrNone

    @model_validator(mode="after")
    def _names_the_payment(self) -> Self:
        if not (self.provider_reference or self.reference):
            raise ValueError("the browser's query must name the payment")
        return self


class Dialect(Section):
    """The section `family_settings` of a manifest of this family.

    An answer with one of the HTTP statuses `token_refused_http` says that the token is invalid and nothing
    was done. `words` maps the provider's status words of a payment, `refund_words` those of a refund; a word
    without an entry is in doubt. Amounts are in taka, or in `paisa`. A missing currency is `currency_untold`;
    where that is empty, a currency is required.
    """

    page_hosts: Annotated[str, Field(pattern=r"^[a-z0-9.-]+( [a-z0-9.-]+)*$")]
    token_header: Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9-]{0,39}$")] = "Authorization"  # noqa: S105 - what it is called, no secret
    token_prefix: Annotated[str, Field(pattern="^[A-Za-z]{0,20}$")] = "Bearer"  # noqa: S105 - what it is called, no secret
    token_refused_http: HttpStatuses = "401"  # noqa: S105 - HTTP statuses, no secret
    code: Paths
    amount_form: AmountForm = "text"
    day_form: DayForm = "YYYY-MM-DD"
    time_forms: Annotated[list[TimeForm], Field(min_length=1)]
    currency_untold: Literal["", "BDT"] = ""
    words: Mapping[str, Standing]
    refund_words: Mapping[str, RefundStanding] = Field(default_factory=dict)
    login: Login
    init: Init
    status: Status
    refund: Refund | None = None
    refund_status: Refund | None = None
    comes_back: ComesBack

    @property
    def refused_http(self) -> frozenset[int]:
        """The HTTP statuses that say that a token is invalid."""
        return frozenset(int(status) for status in self.token_refused_http.split())

    def sends(self) -> Iterator[tuple[str, Sends]]:
        """The members that each operation sends, by its name."""
        yield "login", self.login.sends
        yield "init", self.init.sends
        yield "status", self.status.sends
        if self.refund:
            yield "refund", self.refund.sends
        if self.refund_status:
            yield "refund_status", self.refund_status.sends

    def code_of(self, operation: str) -> str:
        """The paths of the reply code of an operation."""
        codes = {
            "login": self.login.code,
            "init": self.init.code,
            "status": self.status.code,
            "refund": self.refund.code if self.refund else "",
            "refund_status": self.refund_status.code if self.refund_status else "",
        }
        return codes[operation] or self.code
