"""The cells of the biller table: at each biller, what a payer meets there and how it ends.

Each cell takes an account of its own, so all of them may be played side by side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from sandbox.callers.client.client import RefusedError
from sandbox.callers.client.messages import FINAL, ApiOrder, new_key
from sandbox.callers.partner.client import result_code
from sandbox.callers.payer.payer import Payer, pay
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH
from sandbox.rehearsals.demo.admin_clients.admin_client import (
    AdminClient,
    BillerAdminClient,
    Payable,
    SimulatorAddress,
    by_own_names,
)
from sandbox.rehearsals.demo.admin_clients.biller_family import FamilyBillerAdminClient
from sandbox.rehearsals.demo.paying.partner import Reference
from tests.faults.billers.fifty_billers_stage import Street
from tests.faults.installation import PATIENCE_SECONDS

POLL_SECONDS, LOOK_SECONDS = 0.2, 1.5
WALLET_PAISA_MAX = 2_400_000
Answer = TypeVar("Answer")
LATER = "(after its scroll)"
REROUTED_NTH = 50
WORDS = MappingProxyType({0: "nothing there", 1: "there once", 2: "there twice"})
ACCOUNT_KEYS = ("number", "account", "customer_no")
ENDS = ("completed", "refunded", "declined", "in_review", "expired")
STANDING = """
SELECT p.state, coalesce(a.sends, 0) AS sends FROM payments AS p
LEFT JOIN attempts AS a ON a.payment_id = p.id AND a.leg = 'delivery' WHERE p.reference = $1
"""
# The accounts of the first three billers that behave oddly, by kind; the digits after the first two count.
ODD = MappingProxyType(
    {"already_paid": "91", "unknown": "92", "lost_paid": "94", "lost_unpaid": "95", "refuses": "96"}
)


@dataclass(frozen=True, slots=True)
class Met:
    """One thing to pay at one biller, and what is on record about that biller."""

    desk: BillerAdminClient
    profile: Mapping[str, Any]
    bill: Payable
    place: int

    @property
    def named(self) -> Mapping[str, str]:
        return self.bill.named[0]


class Cells:
    """Plays the cells of one street."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._side = street.side
        self._later: dict[int, Met] = {}
        self.plays: Mapping[str, tuple[str, Callable[[Met], Awaitable[str]]]] = MappingProxyType(
            {
                "fetch": ("normal", self._fetched),
                "pay": ("normal", self._paid),
                "pay again": ("normal", self._paid_again),
                "status": ("normal", self._asked),
                "unknown account": ("unknown", self._tried),
                "already paid": ("already_paid", self._tried),
                "amount changed": ("amount_changes", self._changed),
                "lost answer, paid": ("lost_paid", self._tried),
                "lost answer, not paid": ("lost_unpaid", self._tried),
                "refused after collect": ("refuses", self._collected),
            }
        )

    async def play(self, biller: Mapping[str, Any], column: str, place: int) -> str:
        """One cell in words; a cell that cannot be played says why."""
        kind, act = self.plays[column]
        nth = list(self.plays).index(column)
        try:
            desk = self._street.desks[biller["ekpay_id"]]
            return await act(Met(desk, biller, await _cast(desk, kind, nth), place))
        except Exception as error:  # noqa: BLE001 - one broken cell must not hide the others
            return f"NOT PLAYED: {type(error).__name__}: {error}"

    # ---- the acts

    async def _fetched(self, met: Met) -> str:
        answer = await self._fetch(met)
        if result_code(answer) != "0000":
            return f"refused {result_code(answer)}"
        bill = answer["bllr_inf"]
        return "quoted" if bill["is_bll_pd"] == "N" and float(bill["bll_amnt_ttl"]) > 0 else "nothing owed"

    async def _paid(self, met: Met) -> str:
        return await self._tried(met)

    async def _tried(self, met: Met) -> str:
        """Fetch and pay, as far as it goes."""
        answer = await self._fetch(met)
        if result_code(answer) != "0000":
            return f"no bill, told {result_code(answer)}"
        if answer["bllr_inf"]["is_bll_pd"] == "Y":
            return "told that it is paid"
        reference = self._side.new_reference_for(answer)
        await self._side.pay(answer, reference)
        return await self._end(met, reference)

    async def _paid_again(self, met: Met) -> str:
        """The same order once more, and then the same bill under another reference."""
        answer = await self._fetch(met)
        reference = self._side.new_reference_for(answer)
        first = await self._side.pay(answer, reference)
        same = await self._side.pay(answer, reference)
        anew = await self._fetch(met)
        if result_code(anew) == "0000" and anew["bllr_inf"]["is_bll_pd"] == "N":
            other = self._side.new_reference_for(anew)
            told = f"a new order {await self._side.pay(anew, other)}"
        else:
            told = "then told that it is paid" if result_code(anew) == "0000" else f"then {result_code(anew)}"
        assert first == same, f"the same order was told {first}, then {same}"
        return f"the same {same}, {told}; {await self._book(met)}"

    async def _asked(self, met: Met) -> str:
        answer = await self._fetch(met)
        reference = self._side.new_reference_for(answer)
        await self._side.pay(answer, reference)
        told = await self._side.client.status(reference.fetch_reference, reference.biller)
        return f"{result_code(told)}, paid {told.get('bllr_inf', {}).get('is_bll_pd', '?')}"

    async def _changed(self, met: Met) -> str:
        """The biller wants another amount than it quoted, or, at the first three, the partner pays one."""
        if isinstance(met.desk, FamilyBillerAdminClient):
            return await self._tried(met)
        answer = await self._fetch(met)
        reference = self._side.new_reference_for(answer)
        await self._side.pay(answer, reference, amount="1.23")
        return await self._end(met, reference)

    async def _collected(self, met: Met) -> str:
        """A payer pays by bKash, the biller refuses, and the money goes back."""
        order = ApiOrder(
            biller=met.desk.biller,
            parameters=by_own_names(met.desk.parameters, met.named),
            amount=await self._amount(met),
            return_url=self._street.page.url(f"cell{met.place}"),
        )
        key = new_key()
        made = (await _patiently(lambda: self._street.shop.create(order, key))).payment
        assert made.page_url is not None, "its page is open"
        wallet = f"{FIRST_NORMAL_WALLET + met.place:0{WALLET_LENGTH}d}"
        await pay(made.page_url, Payer(wallet))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                told = await _patiently(lambda: self._street.shop.get(made.id))
                if told.status in FINAL:
                    return f"told {told.status}; {await self._book(met)}"
                await asyncio.sleep(LOOK_SECONDS)

    async def rerouted(self, biller: Mapping[str, Any], spoil: Callable[[], Awaitable[None]]) -> str:
        """A bill that is fetched, and paid once its biller cannot be reached any more."""
        desk = self._street.desks[biller["ekpay_id"]]
        met = Met(desk, biller, await _cast(desk, "normal", REROUTED_NTH), REROUTED_NTH)
        answer = await self._fetch(met)
        reference = self._side.new_reference_for(answer)
        await spoil()
        await asyncio.sleep(LOOK_SECONDS)  # kept connections are closed meanwhile
        await self._side.pay(answer, reference)
        text = await self._end(met, reference)
        route = SimulatorAddress(self._street.stage.setting.biller_address("aggregator"), "")
        async with AdminClient(route) as aggregator:
            payments = (await aggregator.admin("GET", "dump"))["payments"]
        count = sum(one["number"] == met.bill.target for one in payments)
        return f"{text}; on the second route {WORDS.get(count, str(count))}"

    # ---- what is needed for them

    async def _fetch(self, met: Met) -> Mapping[str, Any]:
        return await self._side.fetch(met.desk.biller, **met.named)

    async def _amount(self, met: Met) -> int:
        """What REST v1 must be told: the bill as a partner is quoted it, unless looking would lock it."""
        if met.profile["fetch_has_side_effects"]:
            return -(-met.bill.amount_paisa // 100) * 100
        answer = await self._fetch(met)
        return self._side.new_reference_for(answer).amount_paisa

    async def _end(self, met: Met, reference: Reference) -> str:
        """The state in the end, what the partner heard of it, and what the biller holds."""
        state, sends = await self._final(reference)
        await self._side.ask(reference)
        heard = list(dict.fromkeys(reference.codes))
        again = "; sent again" if sends > 1 else ""
        return f"{state}, told {' then '.join(heard)}; {await self._book(met)}{again}"

    async def _final(self, reference: Reference) -> tuple[str, int]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                rows = await self._street.rows(STANDING, reference.text)
                if rows and rows[0]["state"] in ENDS:
                    return rows[0]["state"], rows[0]["sends"]
                await asyncio.sleep(POLL_SECONDS)

    async def _book(self, met: Met) -> str:
        """What the biller holds for this account; of one that waits for its scroll, a word for later."""
        if isinstance(met.desk, FamilyBillerAdminClient) and met.desk.takes_files:
            self._later[met.place] = met
            return LATER
        return await self._read_book(met)

    async def read_later(self, place: int, text: str) -> str:
        """The text of a cell whose biller has its scroll now."""
        met = self._later.get(place)
        return text if met is None else text.replace(LATER, await self._read_book(met))

    async def _read_book(self, met: Met) -> str:
        dump = await met.desk.admin("GET", "dump")
        payments = dump["vends" if met.desk.name == "NESCO" else "payments"]
        if isinstance(met.desk, FamilyBillerAdminClient):
            account = met.bill.target
            payments = [one for one in payments if one["house"] == met.desk.name]
        else:
            account = met.named["bllr_accno"]
        count = sum(account in {one.get(key) for key in ACCOUNT_KEYS} for one in payments)
        return WORDS.get(count, f"there {count} times")


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of a switch that takes only so many calls of a shop in a second."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await ask()
            except RefusedError as refused:
                if refused.problem.code != "rate_limited":
                    raise
            await asyncio.sleep(LOOK_SECONDS)


async def _cast(desk: BillerAdminClient, kind: str, nth: int) -> Payable:
    """An account of a kind; of the first three, each by its own numbers."""
    if isinstance(desk, FamilyBillerAdminClient):
        # A wallet takes no more than so much; there are others of this kind, and most owe less.
        bill = await desk.cast(kind, nth)
        for number in range(nth + 10, 1_000, 10):
            if bill.amount_paisa <= WALLET_PAISA_MAX:
                break
            bill = await desk.cast(kind, number)
        return bill
    normal = (await desk.payables(nth + 1))[nth]
    by_account = next(named for named in normal.named if "bllr_accno" in named)
    lead = ODD.get(kind)
    if lead is None:
        return Payable(desk.biller, normal.target, (by_account,), normal.amount_paisa)
    length = len(by_account["bllr_accno"])
    account = f"{lead}{nth:0{length - 2}d}"
    bills: Mapping[str, Any] = {}
    if desk.name != "NESCO" and kind == "refuses":
        bills = await desk.admin("GET", f"bills?account={account}")
    return _odd(desk, by_account, account, bills, normal.amount_paisa)


def _odd(
    desk: BillerAdminClient, like: Mapping[str, str], account: str, bills: Mapping[str, Any], usual_paisa: int
) -> Payable:
    named = {**like, "bllr_accno": account}
    amount = usual_paisa
    if bills:
        bill = bills["bills"][0]
        amount = bill.get("total_paisa") or bill["due_paisa"]
        if "month" in bill:
            named["bll_period"] = f"{bill['year']}{bill['month']}"
    return Payable(desk.biller, account, (named,), amount)
