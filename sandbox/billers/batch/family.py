"""What an office does: admit who brings a scroll, and post the scroll in its own book.

`POST <house>/login {"user", "password"}` gives a bearer; `POST <house>/scroll` with it takes the file as the
whole body. Bill files are fetched from the admin API; a real office would send them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.batch.admin_api import BatchAdminApi
from sandbox.billers.batch.bill_files import BillFiles
from sandbox.billers.batch.institutions import FAMILY, INSTITUTIONS
from sandbox.billers.batch.replies import ERRORS, refusal, success
from sandbox.billers.batch.scrolls import RefusedFileError, check_file_order, post_rows, read_scroll
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object, text_field

_FILE = "file"


class BatchFamily(BillerFamily):
    """The offices of all institutions that exchange files."""

    name: ClassVar[str] = "BATCH"
    base_path: ClassVar[str] = "/batch"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS
    body_bytes_max: ClassVar[int] = 64 * 1024 * 1024

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book; errors as in `BillerFamily`."""
        super().__init__(settings, clock)
        self.bill_files = BillFiles(self.book, clock)

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, biller), needs_login=False),
            "scroll": Call("scroll", partial(self.take_scroll, biller)),
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
    def admin_api(self) -> BatchAdminApi:
        return BatchAdminApi(self)

    def log_in(self, biller: OpenBiller, form: Form) -> Reply:
        """Give out a bearer for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "user"), text_field(form, "password"), biller.institution.id)
        if token is None:
            return ERRORS.unauthorised
        return success("OK", {"token": token, "expires_in": BEARER_SECONDS})

    def take_scroll(self, biller: OpenBiller, form: Form) -> Reply:
        """Take a whole scroll and report the result of its rows, or refuse it and post nothing."""
        text = form.get(_FILE)
        if not isinstance(text, str):
            raise MalformedRequestError("the body must be a scroll")
        if biller.intake.is_connection_cut():
            return LOST
        try:
            scroll = read_scroll(text, biller.institution.id)
            check_file_order(scroll, self.book)
        except RefusedFileError as error:
            return refusal(error.code, str(error))
        return success("taken", asdict(post_rows(scroll, biller, self.book)))
