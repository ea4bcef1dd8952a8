"""What an office does: let in who brings a scroll, and post the scroll in its own book.

`POST <house>/login {"user", "password"}` gives a bearer; `POST <house>/scroll` with it takes the file as the
whole body. Bills leave by the admin desk, as a file would leave by courier.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.batch.admin_api import BatchDesk
from sandbox.billers.batch.bill_files import BillFiles
from sandbox.billers.batch.institutions import FAMILY, HOUSES
from sandbox.billers.batch.replies import ERRORS, fine, refusal
from sandbox.billers.batch.scrolls import RefusedFileError, check_turn, post, read_scroll
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import House
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object, text_field

_FILE = "file"


class Institution(CounterFarSide):
    """The offices of all houses that exchange files."""

    name: ClassVar[str] = "BATCH"
    base_path: ClassVar[str] = "/batch"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES
    body_bytes_max: ClassVar[int] = 64 * 1024 * 1024

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book; errors as in `CounterFarSide`."""
        super().__init__(settings, clock)
        self.bill_files = BillFiles(self.book, clock)

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, counter), needs_login=False),
            "scroll": Call("scroll", partial(self.take_scroll, counter)),
        }

    @override
    def read(self, body: bytes) -> Form:
        """Return a JSON object as what it is, and anything else as a file."""
        if body.startswith(b"{"):
            return json_object(body)
        try:
            return {_FILE: body.decode("utf-8")}
        except UnicodeDecodeError:
            raise MalformedRequestError("the file is not UTF-8") from None

    @override
    def desk(self) -> BatchDesk:
        return BatchDesk(self)

    def log_in(self, counter: Counter, form: Form) -> Reply:
        """Give out a bearer for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "user"), text_field(form, "password"), counter.house.id)
        if token is None:
            return ERRORS.unauthorised
        return fine("OK", {"token": token, "expires_in": BEARER_SECONDS})

    def take_scroll(self, counter: Counter, form: Form) -> Reply:
        """Take a scroll whole and tell what became of its rows, or refuse it and post nothing."""
        text = form.get(_FILE)
        if not isinstance(text, str):
            raise MalformedRequestError("the body must be a scroll")
        if counter.till.is_cut_off():
            return LOST
        try:
            scroll = read_scroll(text, counter.house.id)
            check_turn(scroll, self.book)
        except RefusedFileError as error:
            return refusal(error.code, str(error))
        return fine("taken", asdict(post(scroll, counter, self.book)))
