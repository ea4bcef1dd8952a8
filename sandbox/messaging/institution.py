"""What the SMS gateway does with its one call.

It is synchronous and runs to its end before the next begins, so two messages of one id cannot overlap.
Refusals and faults are answers, never exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.faults import ANYBODY, FaultTable
from sandbox.kit.institution.http_request import Request, Route
from sandbox.kit.institution.pages import PageHandler
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object
from sandbox.messaging.admin_api import SmsAdminApi
from sandbox.messaging.book import SmsBook, SmsMessage
from sandbox.messaging.faults import MAGIC, REFUSED_WITH, SmsFault
from sandbox.messaging.inbox_page import InboxPage
from sandbox.messaging.message_parts import parts_of, sms_type_of
from sandbox.messaging.replies import ERRORS, HTML_PAGE, Refusal, accept, refuse
from sandbox.messaging.settings import SmsSettings
from sandbox.messaging.wire import SMS_LENGTH_MAX, MessageRequest, missing_member, read_message

INBOX_PATH = "/inbox"
"""Where people read what has arrived."""

_SEND = "send-sms"
_JSON = "application/json"
_REFERENCE_BYTES = 10


@dataclass(frozen=True)
class SmsGateway(FarSide):
    """The SMS gateway: its book, its faults and its inbox."""

    name: ClassVar[str] = "SMS"
    base_path: ClassVar[str] = "/api/v3"
    errors: ClassVar[Errors] = ERRORS

    settings: SmsSettings
    clock: Clock
    book: SmsBook
    faults: FaultTable[SmsFault]

    @classmethod
    def open(cls, settings: SmsSettings, clock: Clock) -> "SmsGateway":
        """Open the book below `settings.home`, replaying its journal.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        book = SmsBook(settings.journal_path, settings.seed, clock.today())
        return cls(settings, clock, book, FaultTable())

    @override
    def calls(self) -> Mapping[str, Call]:
        return {}

    @override
    def pages(self) -> Mapping[str, PageHandler]:
        return {INBOX_PATH: InboxPage(self.book, self.clock).show}

    @override
    def route(self, method: str, path: str) -> Route | None:
        # No plain call: a body that is no JSON is refused under HTTP 200 here.
        return Route("send", self.send) if path == f"{self.base_path}/{_SEND}" else None

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        return None

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def admin_api(self) -> SmsAdminApi:
        return SmsAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def send(self, request: Request) -> Reply:
        """Take a message once; a second one with its id on the same Dhaka day is refused."""
        if request.method != "POST":
            return ERRORS.wrong_method
        form = self._form_of(request)
        if form is None:
            return refuse(Refusal.INVALID_REQUEST)
        missing = missing_member(form)
        if missing is not None:
            return refuse(Refusal.PARAMETER_MISSING, detail=missing)
        message = read_message(form)
        return refuse(Refusal.INVALID_REQUEST) if message is None else self._answer(message)

    def _form_of(self, request: Request) -> Form | None:
        if not request.headers.get("content-type", "").lower().startswith(_JSON):
            return None
        try:
            return self.read(request.body)
        except MalformedRequestError:
            return None

    def _answer(self, message: MessageRequest) -> Reply:
        refusal = self._refusal_of(message)
        if refusal is not None:
            return refuse(refusal)
        fault = self.faults.take(message.msisdn, ANYBODY) or MAGIC.get(message.msisdn)
        refused_with = None if fault is None else REFUSED_WITH.get(fault)
        if refused_with is not None:
            return refuse(refused_with)
        match fault:
            case SmsFault.LOST_UNDONE:
                return LOST
            case SmsFault.HTTP_500:
                return ERRORS.http_500
            case _:
                return self._distort(fault, accept(self._take(message, fault)))

    def _refusal_of(self, message: MessageRequest) -> Refusal | None:
        expected = self.settings.api_token.get_secret_value()
        checks = (
            (compare_digest(message.api_token.encode(), expected.encode()), Refusal.UNAUTHORISED),
            (message.sid == self.settings.sender_id, Refusal.SID_NOT_PERMITTED),
            (message.has_msisdn, Refusal.INVALID_MSISDN),
            (len(message.sms) <= SMS_LENGTH_MAX, Refusal.TOO_LONG),
            (message.has_csms_id, Refusal.INVALID_CSMS_ID),
            (
                not self.book.has_csms_id(message.csms_id, self.clock.today()),
                Refusal.DUPLICATE_CSMS_ID,
            ),
        )
        return next((refusal for is_right, refusal in checks if not is_right), None)

    def _take(self, message: MessageRequest, fault: SmsFault | None) -> SmsMessage:
        now = self.clock.now()
        taken = SmsMessage(
            reference_id=self._reference_id(now),
            csms_id=message.csms_id,
            msisdn=message.msisdn,
            sender_id=message.sid,
            body=message.sms,
            sms_type=sms_type_of(message.sms),
            parts=parts_of(message.sms),
            accepted_at=now,
            delivered_at=self._delivered_at(now, fault),
        )
        self.book.record_accepted(taken)
        return taken

    def _reference_id(self, now: datetime) -> str:
        # The instant keeps the messages of a book apart from those of a deleted book.
        text = f"{self.settings.seed}/{now.isoformat()}/{self.book.count}"
        return blake2b(text.encode(), digest_size=_REFERENCE_BYTES).hexdigest()

    def _delivered_at(self, now: datetime, fault: SmsFault | None) -> datetime | None:
        if fault is SmsFault.DELIVER_NEVER:
            return None
        is_late = fault is SmsFault.DELIVER_LATE
        return now + timedelta(seconds=self.settings.late_seconds) if is_late else now

    def _distort(self, fault: SmsFault | None, reply: Reply) -> Reply:
        match fault:
            case SmsFault.LOST_DONE:
                return LOST
            case SmsFault.HTML:
                return HTML_PAGE
            case SmsFault.SLOW:
                return reply._replace(delay_seconds=self.settings.slow_seconds)
            case _:
                return reply
