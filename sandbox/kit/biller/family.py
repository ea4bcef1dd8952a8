"""The houses of one family behind one port: each at `<base_path>/<house>/<call>`.

A family subclasses `CounterFarSide`, names itself and its houses, and answers `house_calls`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import ClassVar, Self

from typing_extensions import override

from sandbox.kit.biller.accounts import World
from sandbox.kit.biller.admin_api import CounterDesk
from sandbox.kit.biller.book import Book
from sandbox.kit.biller.faults import Fault, FaultTable
from sandbox.kit.biller.institution import REHEARSAL, House
from sandbox.kit.biller.reply_delivery import answered
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.till import Till
from sandbox.kit.institution.bearer_tokens import Bearers
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form, json_object


@dataclass(frozen=True, slots=True)
class Counter:
    """One house that is open: its accounts, its till and what is to go wrong there."""

    house: House
    world: World
    till: Till
    faults: FaultTable


class CounterFarSide(FarSide):
    """All houses of a family, with one book; each house has logins of its own unless they are shared."""

    family: ClassVar[str]
    houses: ClassVar[Sequence[House]]
    is_login_shared: ClassVar[bool] = False

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book below `settings.home`, replaying its journal, and the worlds that belong to it.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        self.settings = settings
        self.clock = clock
        self.book = Book(settings.journal_of(self.family), settings.seed, clock.today())
        self.counters: Mapping[str, Counter] = {house.id: self._open_counter(house) for house in self.houses}
        self._bearers = {house_id: Bearers(b"Bearer ") for house_id in ("", *self.counters)}

    @classmethod
    def open(cls, settings: CounterSettings, clock: Clock) -> Self:
        """Open the family; errors as above."""
        return cls(settings, clock)

    @abstractmethod
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        """Return the calls of one house by their path below the house."""

    def shared_calls(self) -> Mapping[str, Call]:
        """Return calls below `base_path` itself, whose callers name the house within; none by default."""
        return {}

    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every house at this origin.

        That is `EKPAY_<HOUSE>_URL` and `EKPAY_<HOUSE>_PASSWORD`; a family whose houses share an
        upstream says so itself. The rehearsal house is of no biller and left out.
        """
        variables = {}
        for house in cls.houses:
            if house.id != REHEARSAL:
                variables[f"EKPAY_{house.id.upper()}_URL"] = f"{origin}{cls.base_path}/{house.id}"
                variables[f"EKPAY_{house.id.upper()}_PASSWORD"] = password
        return variables

    @override
    def calls(self) -> Mapping[str, Call]:
        calls = dict(self.shared_calls())
        for counter in self.counters.values():
            house_id = counter.house.id
            for path, call in self.house_calls(counter).items():
                calls[f"{house_id}/{path}"] = call._replace(name=f"{house_id}.{call.name}")
        return calls

    @override
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
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
    def desk(self) -> CounterDesk:
        return CounterDesk(self)

    @override
    def close(self) -> None:
        self.book.close()

    def login(self, user: str, password: str, house_id: str = "") -> str | None:
        """Return a bearer for the right user and password of a house, or of all where logins are shared."""
        expected = self.settings.password.get_secret_value()
        is_right = user == self.settings.user and compare_digest(password.encode(), expected.encode())
        return self._bearers_of(house_id).issue(self.clock.now()) if is_right else None

    def end_logins(self, house_id: str | None = None) -> None:
        """Let every bearer of a house, or of all of them, die at once."""
        for bearers in self._bearers.values() if house_id is None else [self._bearers_of(house_id)]:
            bearers.revoke_all()

    def answered(self, how: Fault | None, reply: Reply) -> Reply:
        """Return what goes out in place of a good reply, as a verdict's `how` says."""
        return answered(how, reply, self.settings, self.errors)

    def _open_counter(self, house: House) -> Counter:
        world = World(house, self.settings.seed, self.settings.accounts, self.book.opened_on)
        faults = FaultTable()
        return Counter(house, world, Till(world, self.book, faults, self.clock), faults)

    def _admits(self, house_id: str, header: bytes) -> bool:
        return self._bearers_of(house_id).admits(header, self.clock.now())

    def _bearers_of(self, house_id: str) -> Bearers:
        is_own = house_id in self.counters and not self.is_login_shared
        return self._bearers[house_id if is_own else ""]
