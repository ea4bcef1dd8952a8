"""Two persons of finance at the command line: one proposes, the other reads it and decides."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.parties import Person

_DECISION = re.compile(r"^Decision ([0-9a-f-]{36})", re.MULTILINE)
_CODE = re.compile(r"^ +code ([0-9a-f]+)$", re.MULTILINE)
_ENTRY = re.compile(r"^ +posts (.+):$")
_POSTING = re.compile(r"^ +(debit|credit) +(\S+) (\S+)$")
# Starting a command keeps a processor busy for a second or two.
_AT_ONCE = 3
# As `ekpay payments show` says it.
_UNDONE = "undone by decision"
_POLL_SECONDS, _PATIENCE_SECONDS = 1.0, 900.0
# More than wait at the end of any demo.
_COUNT = "10000"

Row = Mapping[str, Any]


class NothingWaitsError(Exception):
    """Something that must wait for two persons does not; the text says what."""


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What one person proposes about a payment or a refund, as `ekpay decide propose` takes it."""

    subject: str
    action: str
    reason: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """A proposal that waits: its id, the code that its reader is shown, and what its approval posts."""

    decision: str
    code: str
    posted: str


@dataclass(slots=True)
class FinanceDesk:
    """The commands of two persons; `first` proposes and `second` decides."""

    tool: EkpayCommand
    first: Person
    second: Person
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _listing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _listed: dict[str, str] = field(default_factory=dict)

    async def open_alarms(self) -> Sequence[Row]:
        """Every open alarm."""
        alarms: Sequence[Row] = await self._read("alarms", "list", "--limit", _COUNT, "--json")
        return alarms

    async def payment_ids(self, references: Sequence[str]) -> Mapping[str, str]:
        """The ids of these newest payments, by the references of their partner."""
        listed = await self._read("payments", "list", "--limit", "50", "--json")
        return {line["reference"]: line["id"] for line in listed if line["reference"] in references}

    async def until_listed(self, subject: str, kind: str) -> None:
        """Wait until `ekpay decide list` shows a case of this kind.

        Raises:
            NothingWaitsError: it does not within a quarter of an hour.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        while self._listed.get(subject) != kind:
            if loop.time() > give_up_at:
                raise NothingWaitsError(f"{subject} is no case of kind {kind}")
            async with self._listing:
                if self._listed.get(subject) != kind:
                    await asyncio.sleep(_POLL_SECONDS)
                    cases = await self._read("decide", "list", "--limit", _COUNT, "--json")
                    self._listed = {case["subject"]: case["kind"] for case in cases}

    async def until_undone(self, payment: str) -> None:
        """Wait until the biller has undone a payment on the switch's call.

        Raises:
            NothingWaitsError: it has not within a quarter of an hour.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        while _UNDONE not in await self._run("payments", "show", payment):
            if loop.time() > give_up_at:
                raise NothingWaitsError(f"{payment} is not undone")
            await asyncio.sleep(_POLL_SECONDS)

    async def acknowledge(self, alarm: str) -> None:
        """The first person says that they work on an alarm."""
        await self._act(self.first, "alarms", "acknowledge", alarm)

    async def close(self, alarm: str, reason: str) -> None:
        """The first person closes an alarm that nothing else ends."""
        await self._act(self.first, "alarms", "close", alarm, "--reason", reason)

    async def propose(self, request: DecisionRequest) -> WaitingProposal:
        """The first person looks at both sides and proposes; the second one reads the proposal."""
        options = await self._run("decide", "show", request.subject)
        reference = ("--reference", request.reference) if request.reference else ()
        proposed = await self._act(
            self.first, "decide", "propose", request.subject, request.action,
            "--reason", request.reason, *reference,
        )  # fmt: skip
        return await self._read_proposal(proposed, options, request.action)

    async def propose_journal(
        self, postings: Sequence[str], reason: str, reference: str, item: str = ""
    ) -> WaitingProposal:
        """The first person proposes an entry, which may take from an item; the second one reads it."""
        named = [word for posting in postings for word in ("--posting", posting)]
        named += ["--of", item] if item else []
        proposed = await self._act(
            self.first, "decide", "journal", *named, "--reason", reason, "--reference", reference
        )
        return await self._read_proposal(proposed, "", "")

    async def suspense_item(self, account: str, paisa: int) -> str:
        """The entry of the item in suspense on this account of which so much remains.

        Raises:
            NothingWaitsError: there is none.
        """
        for view in await self._read("decide", "suspense", "--limit", _COUNT, "--json"):
            item = view["item"]
            if (item["account"], item["remains"]) == (account, paisa):
                return str(item["entry_id"])
        raise NothingWaitsError(f"no {lakh(paisa)} taka stand on {account}")

    async def approve(self, proposal: WaitingProposal) -> str:
        """The second person approves; the last line of the answer, also where the proposal has lapsed."""
        async with self._places:
            _, answer = await self.tool.ask(
                "decide", "approve", proposal.decision, "--code", proposal.code, "--by", self.second.name,
                EKPAY_APPROVER_PASSPHRASE=self.second.passphrase,
            )  # fmt: skip
        return answer

    async def reject(self, proposal: WaitingProposal, reason: str) -> None:
        """The second person rejects it."""
        await self._act(self.second, "decide", "reject", proposal.decision, "--reason", reason)

    async def pay_by_hand(self, refund: str, bank_reference: str) -> None:
        """The first person says that our bank has paid a refund, and the second one confirms it."""
        await self._act(self.first, "refunds", "by-hand", refund, "--bank-reference", bank_reference)
        await self._act(self.second, "refunds", "confirm", refund)

    async def _read_proposal(self, proposed: str, options: str, action: str) -> WaitingProposal:
        match = _DECISION.search(proposed)
        if match is None:
            raise NothingWaitsError(f"a proposal was answered {proposed}")
        shown = await self._run("decide", "show", match[1])
        code = _CODE.search(shown)
        if code is None:
            raise NothingWaitsError(f"decision {match[1]} shows no code")
        posted = postings_text(shown.splitlines()) or postings_text(lines_of_option(options, action))
        return WaitingProposal(match[1], code[1], posted)

    async def _act(self, person: Person, *arguments: str) -> str:
        secrets = dict.fromkeys(("EKPAY_STAFF_PASSPHRASE", "EKPAY_APPROVER_PASSPHRASE"), person.passphrase)
        return await self._run(*arguments, "--by", person.name, **secrets)

    async def _run(self, *arguments: str, **secrets: str) -> str:
        async with self._places:
            return await self.tool.run(*arguments, **secrets)

    async def _read(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON is what it is
        async with self._places:
            return await self.tool.read(*arguments)


def lines_of_option(shown: str, action: str) -> Iterator[str]:
    """The lines of `ekpay decide show` about one action: what its approval posts."""
    is_within = False
    for line in shown.splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            is_within = line.startswith(f"  {action}:")
        elif is_within:
            yield line


def postings_text(lines: Sequence[str] | Iterator[str]) -> str:
    """What these lines of a proposal or an option post, in one line; empty if nothing."""
    texts: list[str] = []
    for line in lines:
        if entry := _ENTRY.match(line):
            texts.append(f"{'; ' if texts else ''}{entry[1]}:")
        elif posting := _POSTING.match(line):
            texts.append(f"{'' if texts[-1].endswith(':') else ','} {posting[1]} {posting[2]} {posting[3]}")
    return "".join(texts)
