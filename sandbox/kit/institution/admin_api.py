"""The calls under `/_admin/`: set faults, start an outage, read the book. No real institution has them."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from sandbox.kit.institution.outage import Outage, OutageMode
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply

PREFIX = "/_admin/"

Times = Annotated[int, Field(ge=1, le=1_000_000)]
AdminAnswer = dict[str, object]
Query = dict[str, str]

_ERRORS = Errors(error_reply)

Route = Callable[[Query, bytes], Reply]
"""Answers one admin call from its query and its body."""

_Route = Callable[[str, bytes], Reply]


class AdminRequest(BaseModel):
    """What an admin call may say: these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


InstitutionId = Annotated[str, Field(alias="house")]
"""An institution of a family, by its id; the admin API calls the member `house`."""


class InstitutionRequest(AdminRequest):
    """An order or a query about one institution, which must be one of those of the context."""

    institution_id: InstitutionId

    @field_validator("institution_id")
    @classmethod
    def _is_here(cls, institution_id: str, info: ValidationInfo) -> str:
        if institution_id not in (info.context or {}):
            raise ValueError("no such institution here")
        return institution_id


class OutageOrder(AdminRequest):
    """An outage that lasts `seconds`, or until the next order if they are not given."""

    mode: OutageMode
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None


class ListRange(AdminRequest):
    """Which part of a list: `count` of them after the first `offset`."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 100
    offset: Annotated[int, Field(ge=0)] = 0


class AdminApi(ABC):
    """What each institution says to the admin calls in its own way.

    Orders and queries that cannot be read raise pydantic's `ValidationError` and change nothing.
    """

    @abstractmethod
    def set_fault(self, body: bytes) -> None:
        """Take an order for a fault, as JSON."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Forget every fault that has not struck yet."""

    @abstractmethod
    def faults(self) -> list[AdminAnswer]:
        """Return what is still to strike."""

    @abstractmethod
    def dump(self) -> AdminAnswer:
        """Return what the institution believes."""

    @abstractmethod
    def unpaid(self, page: ListRange) -> AdminAnswer:
        """Return what can be paid, in the order of the accounts."""

    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        """Return further GET queries, by path; nothing by default."""
        return {}

    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        """Return further calls by path and method, where an order or an answer is no plain question."""
        return {}


class AdminRouter:
    """Answers the admin calls; every answer is JSON."""

    def __init__(self, api: AdminApi, outage: Outage, counts: Counter[tuple[str, str]]) -> None:
        self._api = api
        self._outage = outage
        self._counts = counts
        self._routes: dict[str, dict[str, _Route]] = {
            "faults": {"POST": self._set_fault, "DELETE": self._clear_faults, "GET": self._list_faults},
            "outage": {"POST": self._set_outage},
            "dump": {"GET": self._dump},
            "stats": {"GET": self._stats},
            "unpaid": {"GET": self._unpaid},
            "health": {"GET": self._health},
        }
        self._routes |= {path: {"GET": _query_route(question)} for path, question in api.queries().items()}
        self._routes |= {
            path: {method: _parsed_query_route(route) for method, route in methods.items()}
            for path, methods in api.routes().items()
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answer one call; a body or query that cannot be read is HTTP 400 and changes nothing."""
        methods = self._routes.get(path.removeprefix(PREFIX))
        if methods is None:
            return _ERRORS.no_such_path
        answer = methods.get(method)
        if answer is None:
            return _ERRORS.wrong_method
        try:
            return answer(query, body)
        except ValidationError as error:
            fields = sorted({str(item["loc"][0]) if item["loc"] else "body" for item in error.errors()})
            return _ERRORS.malformed(f"cannot read: {', '.join(fields)}")

    def _set_fault(self, _query: str, body: bytes) -> Reply:
        self._api.set_fault(body)
        return self._list_faults("", b"")

    def _clear_faults(self, _query: str, _body: bytes) -> Reply:
        self._api.clear_faults()
        return self._list_faults("", b"")

    def _list_faults(self, _query: str, _body: bytes) -> Reply:
        return json_reply({"faults": self._api.faults()})

    def _set_outage(self, _query: str, body: bytes) -> Reply:
        order = OutageOrder.model_validate_json(body)
        self._outage.begin(order.mode, order.seconds)
        return json_reply({"mode": self._outage.mode, "seconds": order.seconds})

    def _dump(self, _query: str, _body: bytes) -> Reply:
        return json_reply(self._api.dump())

    def _stats(self, _query: str, _body: bytes) -> Reply:
        calls: Counter[str] = Counter()
        replies: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (operation, code), count in self._counts.items():
            calls[operation] += count
            replies[operation][code] = count
        return json_reply({"calls": calls, "replies": replies})

    def _unpaid(self, query: str, _body: bytes) -> Reply:
        return json_reply(self._api.unpaid(ListRange.model_validate(dict(parse_qsl(query)))))

    def _health(self, _query: str, _body: bytes) -> Reply:
        return json_reply({"status": "ok", "outage": self._outage.mode})


def _query_route(question: Callable[[Query], AdminAnswer]) -> _Route:
    return lambda query, _body: json_reply(question(dict(parse_qsl(query))))


def _parsed_query_route(route: Route) -> _Route:
    return lambda query, body: route(dict(parse_qsl(query)), body)
