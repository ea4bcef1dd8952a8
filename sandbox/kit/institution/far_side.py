"""What an institution implements to be served: its calls, its errors, its admin API."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

from sandbox.kit.institution.admin_api import AdminApi
from sandbox.kit.institution.http_request import Route
from sandbox.kit.institution.pages import PageHandler
from sandbox.kit.institution.replies import Errors, Reply
from sandbox.kit.institution.requests import Form

Headers = Iterable[tuple[bytes, bytes]]


class Call(NamedTuple):
    """One call: the name that the statistics know it by, and what answers it.

    The answer is synchronous and runs to its end before the next begins, so two payments of one
    bill cannot overlap. It may raise `MalformedRequestError` and nothing else.
    """

    name: str
    answer: Callable[[Form], Reply]
    needs_login: bool = True


class FarSide(ABC):
    """An institution behind one port: calls under `base_path`, ours under `/_admin/`."""

    name: ClassVar[str]
    base_path: ClassVar[str]
    errors: ClassVar[Errors]
    body_bytes_max: ClassVar[int] = 65_536

    @abstractmethod
    def calls(self) -> Mapping[str, Call]:
        """Return every call by its path below `base_path`; all of them are POST."""

    def root_calls(self) -> Mapping[str, Call]:
        """Return the calls that are not below `base_path`, by their whole path; none by default."""
        return {}

    def pages(self) -> Mapping[str, PageHandler]:
        """Return the pages for browsers, GET and POST, by their whole path; none by default."""
        return {}

    def route(self, method: str, path: str) -> Route | None:  # noqa: ARG002 - most have exact paths only
        """Return what answers any other path, a wrong method too; None if nothing does."""
        return None

    def set_origin(self, origin: str) -> None:  # noqa: B027 - most have no need of it
        """Take the address at which it is served, such as `http://127.0.0.1:8190`, before the first call."""

    async def work(self) -> None:  # noqa: B027 - most have no need of it
        """Run background work until cancelled; nothing by default."""

    @abstractmethod
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        """Return the answer to a call that is refused by its headers alone, or None; names are lower case."""

    @abstractmethod
    def read(self, body: bytes) -> Form:
        """Return the fields of a body.

        Raises:
            MalformedRequestError: it is not in this institution's form.
        """

    @abstractmethod
    def admin_api(self) -> AdminApi:
        """Return who answers the admin calls."""

    @abstractmethod
    def close(self) -> None:
        """Close the book."""
