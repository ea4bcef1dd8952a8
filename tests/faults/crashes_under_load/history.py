"""The history of a run, and the proof that nothing in it contradicts anything else.

A history is a file of JSON lines, each with its `kind`. During a run the load notes every call and its answer
with monotonic times, the worker its inquiries, and a watcher how often the far side was asked; in the end the
rows of our books and the far side's book are added. `check` is pure: it reads the lines and says what is
wrong, a sentence each. By hand: `python -m tests.faults.crashes_under_load.history FILE`.
"""

import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import orjson

from tests.faults.crashes.payment_checks import DONE, Evidence, Ours, Prefund, Theirs, Told, Verdict, judge

Line = Mapping[str, Any]

IN_PROGRESS, NOT_THERE = "0102", "none"
# What is said of a reference for good; other codes (busy, other content, malformed) say nothing about it.
FINAL_CODES = frozenset({DONE, "1003", "1004", "1005", "1006", "1007", "1008", "1010"})
PAID, RETURNED, UNPAID = "completed", "refunded", frozenset({"declined", "expired"})
FINAL_STATES = frozenset({PAID, RETURNED, *UNPAID})
# Clocks of one machine that are read in two processes, and a database's clock beside them.
CLOCK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """One call about a reference, from its invocation to its answer, and the code that was heard."""

    began: float
    ended: float
    op: str
    partner: str
    reference: str
    bill: str
    code: str
    paisa: int | None = None


@dataclass(slots=True)
class History:
    """The lines of one run by their kind, in the order of the file; calls are joined with their answers."""

    lines: defaultdict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read a file; a line that is no JSON object raises ValueError."""
        return cls.of(orjson.loads(line) for line in path.read_bytes().splitlines())

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "History":
        """A history from its lines."""
        history = cls()
        for line in lines:
            history.lines[line["kind"]].append(line)
        return history

    def heard(self) -> list[Heard]:
        """Every call that was answered, in the order of the answers."""
        calls = {line["id"]: line for line in self.lines["call"]}
        answers = sorted(self.lines["answer"], key=lambda line: float(line["at"]))
        return [
            Heard(
                began=calls[line["id"]]["at"],
                ended=line["at"],
                op=calls[line["id"]]["op"],
                partner=calls[line["id"]]["partner"],
                reference=calls[line["id"]].get("reference", ""),
                bill=calls[line["id"]].get("bill", ""),
                code=line["code"],
                paisa=line.get("paisa"),
            )
            for line in answers
        ]

    def by_payment(self, kind: str) -> dict[str, list[Line]]:
        """The lines of a kind, gathered by their payment."""
        gathered: defaultdict[str, list[Line]] = defaultdict(list)
        for line in self.lines[kind]:
            gathered[line["payment"]].append(line)
        return gathered

    def balances(self) -> dict[str, list[int]]:
        """What stood on each prefund after each of its postings, in the order of its lane; it starts at 0."""
        lanes = sorted(self.lines["posting"], key=lambda line: (line["lane"], line["seq"]))
        stood: defaultdict[str, list[int]] = defaultdict(lambda: [0])
        for line in lanes:
            # A prefund is owed to its partner: credits, which are negative, let it grow.
            stood[line["account"]].append(stood[line["account"]][-1] - line["amount"])
        return stood


def check(history: History) -> tuple[str, ...]:
    """Everything that is wrong with a run; empty where it proves itself."""
    return tuple(fault for rule in RULES for fault in rule(history))


# ---- acknowledged payments ---------------------------------------------------------------------------------


def nothing_is_lost_or_doubled(history: History) -> Iterator[str]:
    """What partners heard, our books and the far side's book agree, partner by partner."""
    yield from verdict_on(history).faults


def verdict_on(history: History) -> Verdict:
    """What was lost, doubled and otherwise wrong, of all partners."""
    heard: defaultdict[str, list[Heard]] = defaultdict(list)
    for one in history.heard():
        heard[one.partner].append(one)
    partners = {line["partner"] for line in history.lines["call"]}
    partners |= {line["partner"] for line in history.lines["payment"]}
    verdicts = [judge(_evidence(history, partner, heard[partner])) for partner in sorted(partners)]
    return Verdict(
        tuple(fault for verdict in verdicts for fault in verdict.lost),
        tuple(fault for verdict in verdicts for fault in verdict.doubled),
        tuple(fault for verdict in verdicts for fault in verdict.wrong),
    )


def _evidence(history: History, partner: str, heard: Sequence[Heard]) -> Evidence:
    codes: dict[str, list[str]] = {}
    bills: dict[str, str] = {}
    for line in history.lines["call"]:
        if line["op"] == "pay" and line["partner"] == partner:
            codes.setdefault(line["reference"], [])
            bills[line["reference"]] = line["bill"]
    for one in heard:
        if one.op == "pay" and one.code in {*FINAL_CODES, IN_PROGRESS}:
            codes[one.reference].append(one.code)
    known = set(bills.values())
    return Evidence(
        told=[Told(reference, bills[reference], tuple(told)) for reference, told in codes.items()],
        ours=[
            Ours(line["reference"], line["bill"], line["state"], line["amount"], line["total"],
                 tuple(line["sent_as"]))
            for line in history.lines["payment"] if line["partner"] == partner
        ],
        theirs=[
            Theirs(line["bill"], line["transaction"], line["amount"], line["saves"])
            for line in history.lines["saved"] if line["bill"] in known
        ],
        sent_twice=[line["bill"] for line in history.lines["rejected"] if line["bill"] in known],
        prefund=_prefund(history, partner),
    )  # fmt: skip


def _prefund(history: History, partner: str) -> Prefund:
    account = prefund_of(partner)
    topped_up = sum(
        -line["amount"]
        for line in history.lines["posting"]
        if line["account"] == account and line["moment"] == "topped_up"
    )
    return Prefund(topped_up, history.balances().get(account, [0])[-1])


def prefund_of(partner: str) -> str:
    """The ledger account that the load pays from."""
    return f"prefund:{partner}:postpaid"


# ---- balances ----------------------------------------------------------------------------------------------


def no_balance_is_below_its_floor(history: History) -> Iterator[str]:
    """Neither after any posting, replayed in lane order, nor in anything that a partner was told."""
    floors = {line["account"]: line["paisa"] for line in history.lines["floor"]}
    for account, stood in history.balances().items():
        lowest = min(stood)
        if lowest < floors.get(account, 0):
            yield f"{account}: the postings lead to {lowest} paisa, below its floor"
    for one in history.heard():
        if one.paisa is not None and one.paisa < floors.get(prefund_of(one.partner), 0):
            yield f"{one.partner}: told a balance of {one.paisa} paisa, below its floor"


def balances_told_are_the_ledger_s_and_never_older_than_one_told_before(history: History) -> Iterator[str]:
    """Each told balance stood after some posting, no earlier in the chain than the one told before it."""
    stood = history.balances()
    places = {account: _places(balances) for account, balances in stood.items()}
    reached: defaultdict[str, int] = defaultdict(int)
    for one in sorted(history.heard(), key=lambda one: one.began):
        if one.paisa is None:
            continue
        account = prefund_of(one.partner)
        at = places.get(account, {}).get(one.paisa, [])
        # The first place that is not behind the last one: whoever takes it leaves most room for the rest.
        found = bisect_left(at, reached[account])
        if not at:
            yield f"{one.partner}: told a balance of {one.paisa} paisa, which never stood"
        elif found == len(at):
            yield f"{one.partner}: told a balance of {one.paisa} paisa after a newer one"
        else:
            reached[account] = at[found]


def _places(balances: Sequence[int]) -> dict[int, list[int]]:
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, balance in enumerate(balances):
        places[balance].append(place)
    return places


# ---- states ------------------------------------------------------------------------------------------------


def what_is_told_of_a_reference_never_goes_back(history: History) -> Iterator[str]:
    """Nothing, then in progress, then one final answer for good; among calls that did not overlap.

    "In progress" after the switch's whole patience with a database that is away says only that nobody knew.
    """
    patience = min((line["unsure_after_seconds"] for line in history.lines["rules"]), default=inf)
    told: defaultdict[str, list[Heard]] = defaultdict(list)
    for one in history.heard():
        was_unsure = one.code == IN_PROGRESS and one.ended - one.began >= patience
        if _rank(one.code) is not None and one.reference and not was_unsure:
            told[one.reference].append(one)
    for reference, heard in told.items():
        finals = sorted({one.code for one in heard if one.code in FINAL_CODES})
        if len(finals) > 1:
            yield f"{reference}: told {' and '.join(finals)}, both for good"
        yield from _steps_back(reference, heard)


def _steps_back(reference: str, heard: Sequence[Heard]) -> Iterator[str]:
    furthest: list[tuple[float, int, str]] = []  # by the end of each call, the most that was known by then
    for one in heard:
        rank = _rank(one.code) or 0
        before = furthest[-1] if furthest else (one.ended, 0, "")
        furthest.append(
            max((one.ended, rank, one.code), (one.ended, *before[1:]), key=lambda known: known[1])
        )
    ends = [known[0] for known in furthest]
    for one in heard:
        known_by_then = bisect_left(ends, one.began)
        if known_by_then and (_rank(one.code) or 0) < furthest[known_by_then - 1][1]:
            yield f"{reference}: told {one.code} after {furthest[known_by_then - 1][2]}"


def _rank(code: str) -> int | None:
    if code in FINAL_CODES:
        return 2
    return {NOT_THERE: 0, IN_PROGRESS: 1}.get(code)


def nobody_is_answered_with_an_error_of_ours(history: History) -> Iterator[str]:
    """Whatever is killed, a caller hears a code, nothing at all, or 503: ask again (T82)."""
    for one in history.heard():
        if one.code.startswith("http 5") and one.code != "http 503":
            yield f"{one.reference or one.op}: was answered {one.code}"


def states_in_the_books_never_go_back(history: History) -> Iterator[str]:
    """Steps are numbered 1..n, each starts where the last one ended; only a review leaves a final state."""
    states = {line["payment"]: line["state"] for line in history.lines["payment"]}
    steps = history.by_payment("step")
    for payment, state in states.items():
        taken = sorted(steps.get(payment, []), key=lambda line: int(line["seq"]))
        if [line["seq"] for line in taken] != list(range(1, len(taken) + 1)):
            yield f"payment {payment}: its steps are not numbered 1..n"
        if ["created", *(line["to"] for line in taken)] != [*(line["from"] for line in taken), state]:
            yield f"payment {payment}: its steps do not lead from created to {state}"
        for line in taken:
            if line["from"] in FINAL_STATES and line["to"] != "in_review":
                yield f"payment {payment}: was {line['from']}, and became {line['to']}"


# ---- inquiries ---------------------------------------------------------------------------------------------


def no_far_side_is_asked_above_its_budget(history: History) -> Iterator[str]:
    """Between any two looks at its counter, no more questions than the budget of that time and a handful."""
    for rules in history.lines["rules"]:
        looks = [line for line in history.lines["inquiries"] if line["far_side"] == rules["far_side"]]
        pairs = ((earlier, later) for number, later in enumerate(looks) for earlier in looks[:number])
        worst = max(
            ((_excess(*pair, rules), pair) for pair in pairs), key=lambda found: found[0], default=None
        )
        if worst is not None and worst[0] > 0:
            excess, (earlier, later) = worst
            seconds = later["at"] - earlier["at"]
            yield f"{rules['far_side']}: {excess:.0f} questions above its budget in {seconds:.1f} s"


def _excess(earlier: Line, later: Line, rules: Line) -> float:
    # A look lasts a while; the count was taken somewhere in it.
    seconds = later["at"] - earlier["began"]
    allowed = rules["inquiries_per_second"] * seconds + rules["inquiries_at_once"]
    return float(later["count"] - earlier["count"] - allowed)


def no_payment_is_asked_about_more_often_than_its_schedule(history: History) -> Iterator[str]:
    """Questions about one payment keep the schedule's distance.

    Only a late answer lets one go early, and the end of a refund, which is when the watch begins (0024).
    """
    spacing = min((line["spacing_seconds"] for line in history.lines["rules"]), default=0.0)
    woken: defaultdict[str, list[float]] = defaultdict(list)
    for kind in ("late", "back"):
        for payment, lines in history.by_payment(kind).items():
            woken[payment] += [line["at"] for line in lines]
    for payment, questions in history.by_payment("question").items():
        times = sorted(line["at"] for line in questions)
        for earlier, later in pairwise(times):
            is_woken = any(earlier - CLOCK_SECONDS <= at <= later + CLOCK_SECONDS for at in woken[payment])
            if later - earlier < spacing - CLOCK_SECONDS and not is_woken:
                yield f"payment {payment}: asked about again after {later - earlier:.2f} s"


Rule = Callable[[History], Iterator[str]]
RULES: tuple[Rule, ...] = (
    nothing_is_lost_or_doubled,
    no_balance_is_below_its_floor,
    balances_told_are_the_ledger_s_and_never_older_than_one_told_before,
    nobody_is_answered_with_an_error_of_ours,
    what_is_told_of_a_reference_never_goes_back,
    states_in_the_books_never_go_back,
    no_far_side_is_asked_above_its_budget,
    no_payment_is_asked_about_more_often_than_its_schedule,
)


def main(arguments: Sequence[str]) -> int:
    """Check one file; 0 where it proves itself, 1 with its faults, 2 where it cannot be read."""
    if len(arguments) != 1:
        print("usage: python -m tests.faults.crashes_under_load.history FILE", file=sys.stderr)  # noqa: T201 - a command
        return 2
    try:
        history = History.read(Path(arguments[0]))
        faults = check(history)
    except (OSError, ValueError, LookupError, TypeError) as error:
        print(f"{arguments[0]}: {error!r}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    for fault in faults:
        print(fault)  # noqa: T201 - a command
    counted = ", ".join(f"{len(lines)} {kind}" for kind, lines in sorted(history.lines.items()))
    print(f"{len(faults)} faults in {counted}")  # noqa: T201 - a command
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
