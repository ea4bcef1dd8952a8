"""The calls under `/_admin/`: set faults, start an outage, read the book. No real utility has them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice
from typing import Annotated, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.desco.bills import Bill
from sandbox.desco.faults import Fault, Outage, OutageMode
from sandbox.desco.institution import Institution
from sandbox.desco.replies import NO_SUCH_PATH, WRONG_METHOD, Reply, error_reply, json_reply

PREFIX = "/_admin/"

_Answer = Callable[[str, bytes], Reply]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FaultOrder(_Asked):
    """A fault for one account or one bill, striking `times` calls."""

    account: Annotated[str, Field(pattern=r"^[0-9]{8}$")] | None = None
    bill: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    fault: Fault
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        # Without a target only the bearers can be meant, and they die once and all together.
        targets = (self.account is not None) + (self.bill is not None)
        if targets != 1 and not (targets == 0 and self.fault is Fault.EXPIRE_TOKENS):
            raise ValueError("name either an account or a bill")
        return self


class OutageOrder(_Asked):
    """An outage that lasts `seconds`, or until the next order if they are not given."""

    mode: OutageMode
    seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None


class PageOrder(_Asked):
    """Which unpaid bills: `count` of them after the first `offset`."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 100
    offset: Annotated[int, Field(ge=0)] = 0


class AccountOrder(_Asked):
    """Which account."""

    account: str


class Admin:
    """Answers the admin calls; every answer is JSON."""

    def __init__(self, institution: Institution, outage: Outage, counts: Counter[tuple[str, str]]) -> None:
        self._institution = institution
        self._outage = outage
        self._counts = counts
        self._routes: dict[str, dict[str, _Answer]] = {
            "faults": {"POST": self._set_fault, "DELETE": self._clear_faults, "GET": self._list_faults},
            "outage": {"POST": self._set_outage},
            "dump": {"GET": self._dump},
            "stats": {"GET": self._stats},
            "unpaid": {"GET": self._unpaid},
            "bills": {"GET": self._bills},
            "health": {"GET": self._health},
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answer one call; a body or query that cannot be read is HTTP 400 and changes nothing."""
        methods = self._routes.get(path.removeprefix(PREFIX))
        if methods is None:
            return NO_SUCH_PATH
        answer = methods.get(method)
        if answer is None:
            return WRONG_METHOD
        try:
            return answer(query, body)
        except ValidationError as error:
            fields = sorted({str(item["loc"][0]) if item["loc"] else "body" for item in error.errors()})
            return error_reply(400, f"cannot read: {', '.join(fields)}")

    def _set_fault(self, _query: str, body: bytes) -> Reply:
        order = FaultOrder.model_validate_json(body)
        target = order.account or order.bill
        if target is None:
            self._institution.bearers.revoke_all()
        else:
            self._institution.faults.add(target, order.fault, order.times)
        return self._list_faults("", b"")

    def _clear_faults(self, _query: str, _body: bytes) -> Reply:
        self._institution.faults.clear()
        return self._list_faults("", b"")

    def _list_faults(self, _query: str, _body: bytes) -> Reply:
        return json_reply({"faults": self._institution.faults.listing()})

    def _set_outage(self, _query: str, body: bytes) -> Reply:
        order = OutageOrder.model_validate_json(body)
        self._outage.begin(order.mode, order.seconds)
        return json_reply({"mode": self._outage.mode, "seconds": order.seconds})

    def _dump(self, _query: str, _body: bytes) -> Reply:
        return json_reply(self._institution.book.dump())

    def _stats(self, _query: str, _body: bytes) -> Reply:
        calls: Counter[str] = Counter()
        replies: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (operation, code), count in self._counts.items():
            calls[operation] += count
            replies[operation][code] = count
        return json_reply({"calls": calls, "replies": replies})

    def _unpaid(self, query: str, _body: bytes) -> Reply:
        page = PageOrder.model_validate(dict(parse_qsl(query)))
        far_side = self._institution
        unpaid = (bill for bill in far_side.world.normal_bills() if not far_side.is_paid(bill))
        chosen = [self._line(bill) for bill in islice(unpaid, page.offset, page.offset + page.count)]
        return json_reply({"today": far_side.clock.today(), "bills": chosen})

    def _bills(self, query: str, _body: bytes) -> Reply:
        order = AccountOrder.model_validate(dict(parse_qsl(query)))
        bills = self._institution.world.bills_of(order.account)
        return json_reply({"bills": [self._line(bill) for bill in bills]})

    def _health(self, _query: str, _body: bytes) -> Reply:
        return json_reply({"status": "ok", "outage": self._outage.mode})

    def _line(self, bill: Bill) -> dict[str, object]:
        return {
            "bill_number": bill.number,
            "account": bill.account.number,
            "total_paisa": bill.to_be_paid_on(self._institution.clock.today()),
            "is_paid": self._institution.is_paid(bill),
        }
