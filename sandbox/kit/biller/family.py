"""The institutions of one family behind one port: each at `<base_path>/<house>/<call>`.

A family subclasses `BillerFamily`, names itself and its institutions, and answers `institution_calls`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import ClassVar, Self

from typing_extensions import override

from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.admin_api import BillerAdminApi
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.faults import BillerFault, BillerFaultTable
from sandbox.kit.biller.institution import REHEARSAL, BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentIntake
from sandbox.kit.biller.reply_delivery import apply_fault
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form, json_object


class BillerFamily(FarSide):
    """All institutions of a family, with one book; each has its own logins unless they are shared."""

    family: ClassVar[str]
    institutions: ClassVar[Sequence[BillerInstitution]]
    is_login_shared: ClassVar[bool] = False

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book below `settings.home`, replaying its journal, and the accounts that belong to it.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        self.settings = settings
        self.clock = clock
        self.book = BillerBook(settings.journal_of(self.family), settings.seed, clock.today())
        self.billers: Mapping[str, OpenBiller] = {
            institution.id: self._open_biller(institution) for institution in self.institutions
        }
        self._bearers = {house_id: BearerTokens(b"Bearer ") for house_id in ("", *self.billers)}

    @classmethod
    def open(cls, settings: BillerSettings, clock: Clock) -> Self:
        """Open the family; errors as above."""
        return cls(settings, clock)

    @abstractmethod
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        """Return the calls of one institution by their path below the institution."""

    def shared_calls(self) -> Mapping[str, Call]:
        """Return calls below `base_path` itself, which name the institution in the body; none by default."""
        return {}

    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every institution at this origin.

        That is `EKPAY_<HOUSE>_URL` and `EKPAY_<HOUSE>_PASSWORD`; a family whose institutions share an
        upstream says so itself. The rehearsal institution is of no biller and left out.
        """
        variables = {}
        for institution_id in cls.institutions:
            if institution_id.id != REHEARSAL:
                variables[f"EKPAY_{institution_id.id.upper()}_URL"] = (
                    f"{origin}{cls.base_path}/{institution_id.id}"
                )
                variables[f"EKPAY_{institution_id.id.upper()}_PASSWORD"] = password
        return variables

    @override
    def calls(self) -> Mapping[str, Call]:
        calls = dict(self.shared_calls())
        for biller in self.billers.values():
            house_id = biller.institution.id
            for path, call in self.institution_calls(biller).items():
                calls[f"{house_id}/{path}"] = call._replace(name=f"{house_id}.{call.name}")
        return calls

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        if not call.needs_login:
            return None
        house_id = call.name.partition(".")[0]
        for name, value in headers:
            if name == b"authorization":
                return None if self._admits(house_id, value) else self.errors.unauthorised
        return self.errors.unauthorised

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def admin_api(self) -> BillerAdminApi:
        return BillerAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def login(self, user: str, password: str, house_id: str = "") -> str | None:
        """Return a bearer for the right user and password, of one institution or of all that share logins."""
        expected = self.settings.password.get_secret_value()
        is_right = user == self.settings.user and compare_digest(password.encode(), expected.encode())
        return self._bearers_of(house_id).issue(self.clock.now()) if is_right else None

    def end_logins(self, house_id: str | None = None) -> None:
        """Let every bearer of an institution, or of all of them, expire at once."""
        for bearers in self._bearers.values() if house_id is None else [self._bearers_of(house_id)]:
            bearers.revoke_all()

    def deliver(self, fault: BillerFault | None, reply: Reply) -> Reply:
        """Return what goes out in place of a good reply, as a result's `fault` says."""
        return apply_fault(fault, reply, self.settings, self.errors)

    def _open_biller(self, institution: BillerInstitution) -> OpenBiller:
        accounts = BillerAccounts(
            institution, self.settings.seed, self.settings.accounts, self.book.opened_on
        )
        faults = BillerFaultTable()
        return OpenBiller(
            institution, accounts, PaymentIntake(accounts, self.book, faults, self.clock), faults
        )

    def _admits(self, house_id: str, header: bytes) -> bool:
        return self._bearers_of(house_id).admits(header, self.clock.now())

    def _bearers_of(self, house_id: str) -> BearerTokens:
        is_own = house_id in self.billers and not self.is_login_shared
        return self._bearers[house_id if is_own else ""]
