"""The page of the profile, generated from the measurement: every sentence follows from the numbers."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.profile import findings as profile_verdict
from benchmarks.profile.layers import NOTHING_OF_OURS, Frame, Layer
from benchmarks.profile.postgres_activity import COMMITTERS
from benchmarks.profile.profile_turns import FETCH, PAY, SWITCH, PaymentProfile, Statements, StepProfile

TITLE = "A profile of one payment"
HEADINGS = (
    "What limits it",
    "Every part",
    "The switch, by layer",
    "The switch, by function of ours",
    "The switch, by function",
    "The statements of a batch",
    "What the backends of the group commit do",
    "How it was measured",
)
_ROWS = 25
_SHARE_MIN = 0.001  # of the time: rarer states are not listed
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")

_STATEMENT_COLUMNS = (
    "statement", "times a batch", "driver: ms a batch", "driver: µs a payment", "server: ms a batch",
    "server: µs of a core a payment",
)  # fmt: skip

Cells = Sequence[str]


def render_page(measured: PaymentProfile) -> str:
    """The whole page."""
    sections = (
        profile_verdict.sentences(measured),
        _parts(measured),
        _layers(measured),
        _ours(measured),
        _functions(measured),
        _statements(measured),
        _activity(measured.statements),
        _method(measured),
    )
    body = [
        line
        for heading, lines in zip(HEADINGS, sections, strict=True)
        for line in ("", f"## {heading}", "", *lines)
    ]
    return "\n".join([f"# {TITLE}", "", *_head(measured), *body, ""])


def _head(measured: PaymentProfile) -> list[str]:
    facts = measured.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    settings = ", ".join(f"{name} {facts[name]}" for name in _SETTINGS)
    return [
        "Where each microsecond of a payment goes: in Python, in the driver, in PostgreSQL.",
        "`make profile` measures it and writes this page whole; nothing here is written by hand.",
        "",
        f"Measured on {facts['date']} on {facts['machine']}, {facts['cores']} cores, {facts['kernel']}.",
        f"{versions}.",
        f"{settings}; flushing 8 KiB to the disk takes {facts['flush_ms']:.2f} ms.",
        f"One process of the switch, {facts['partners']} partners, {facts['connections']} connections.",
        f"Audit after the last turn: {measured.audit}.",
    ]


def _table(head: Cells, rows: Iterable[Cells]) -> list[str]:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _parts(measured: PaymentProfile) -> list[str]:
    pay, fetch = measured.pay, measured.fetch
    names = [*pay.parts, *(name for name in fetch.parts if name not in pay.parts)]
    paid_cells = [f"{pay.each(name):.0f}" for name in names]
    rows = [[name, paid, f"{fetch.each(name):.0f}"] for name, paid in zip(names, paid_cells, strict=True)]
    nonzero_rows = [row for row in rows if row[1:] != ["0", "0"]]
    return [
        "Microseconds of processor time, the median of the plain turns.",
        "",
        *_table(["part", "a payment", "a fetched bill"], nonzero_rows),
    ]


def _layers(measured: PaymentProfile) -> list[str]:
    names = [*measured.pay.profile.layers]
    names += [name for name in measured.fetch.profile.layers if name not in names]
    rows = [[str(name), *_shares(measured.pay, name), *_shares(measured.fetch, name)] for name in names]
    return [
        "A sample belongs to the innermost frame on its stack that has a layer.",
        "The standard library has none: what it does is counted for whoever called it.",
        "",
        *_table(["layer", "µs a payment", "share", "µs a fetched bill", "share"], rows),
    ]


def _shares(kind: StepProfile, layer: Layer) -> tuple[str, str]:
    share, used = kind.profile.layers.get(layer, 0.0), kind.each(SWITCH)
    return f"{share * used:.0f} ± {kind.profile.doubt(share) * used:.0f}", f"{share:.1%}"


def _ours(measured: PaymentProfile) -> list[str]:
    return [
        "A sample belongs to the innermost function of our own code, with all that libraries did for it.",
        "",
        *_by_function(measured, {PAY: measured.pay.profile.by_ours, FETCH: measured.fetch.profile.by_ours}),
    ]


def _functions(measured: PaymentProfile) -> list[str]:
    pay, fetch = measured.pay.profile, measured.fetch.profile
    return [
        "`<string>` is what `dataclasses` generates.",
        "By itself, native code that it called included:",
        "",
        *_by_function(measured, {PAY: pay.own, FETCH: fetch.own}),
        "",
        "With everything that it called; how the process was started stands under all and is left out:",
        "",
        *_by_function(measured, {PAY: pay.cumulative, FETCH: fetch.cumulative}),
    ]


def _by_function(measured: PaymentProfile, shares: Mapping[str, Mapping[Frame, float]]) -> list[str]:
    """The functions with most time in a payment, and their time in a fetched bill."""
    pay, fetch = measured.pay.each(SWITCH), measured.fetch.each(SWITCH)
    rows = [
        [
            _function_cell((file, function)),
            f"{share * pay:.0f}",
            f"{shares[FETCH].get((file, function), 0.0) * fetch:.0f}",
        ]
        for (file, function), share in list(shares[PAY].items())[:_ROWS]
    ]
    return _table(["function", "µs a payment", "µs a fetched bill"], rows)


def _function_cell(frame: Frame) -> str:
    return frame[1] if frame == NOTHING_OF_OURS else f"`{frame[0]}` `{frame[1]}`"


def _statements(measured: PaymentProfile) -> list[str]:
    timed, processor = measured.statements, measured.pay.each(COMMITTERS)
    batches, paid = max(timed.batches, 1), max(timed.payments, 1)
    rows = [
        [
            f"`{name}`",
            f"{timed.calls[name] / batches:.2f}",
            f"{1e3 * seconds / batches:.2f}",
            f"{1e6 * seconds / paid:.0f}",
            f"{1e3 * timed.activity.served(name) / batches:.2f}",
            f"{timed.activity.processor(name) * processor:.0f}",
        ]
        for name, seconds in sorted(timed.seconds.items(), key=lambda item: -item[1])
    ]
    whole = sum(timed.seconds.values())
    return [
        "As the driver saw them: from sending to the answer, until the event loop came to read it.",
        (
            f"{timed.batches} batches wrote {timed.payments} payments, {paid / batches:.1f} a batch;"
            f" a batch waited {1e3 * whole / batches:.1f} ms"
            f" for its {sum(timed.calls.values()) / batches:.1f} answers."
        ),
        "The columns of the server share its samples out: the time there, with its waits, and on a core.",
        "",
        *_table(_STATEMENT_COLUMNS, rows),
    ]


def _activity(timed: Statements) -> list[str]:
    rows = [[state, f"{share:.1%}"] for state, share in timed.activity.states.items() if share >= _SHARE_MIN]
    waits = [
        [f"`{name}`", state, f"{count / timed.activity.samples.total():.1%}"]
        for (name, state), count in timed.activity.samples.most_common()
        if name in timed.calls
    ][:_ROWS]
    return [
        f"`pg_stat_activity`, looked at a hundred times a second, {timed.activity.samples.total()} samples.",
        "",
        *_table(["state", "share of the time"], rows),
        "",
        *_table(["statement", "what it did", "share of the time"], waits),
    ]


def _method(measured: PaymentProfile) -> list[str]:
    pay, fetch, seconds = measured.pay, measured.fetch, measured.facts["seconds"]
    rates = f"{pay.rate:.0f} payments and {fetch.rate:.0f} fetched bills a second"
    return [
        "The product's own `ekpay serve`, a sandbox biller and PostgreSQL run as real processes.",
        "Nothing is switched off, and every turn is checked by the books.",
        f"Turns of {seconds} s alternate, plain and sampled, {len(pay.plain)} of each; medians are told.",
        f"The median rates of the plain turns were {rates}.",
        "They depend on what else the machine does; processor times do so less.",
        "",
        "A sample is taken at the ticks of the process's own processor time.",
        f"There were {pay.profile.samples} while paying and {fetch.profile.samples} while fetching.",
        "± is the 95 % interval that follows from their number.",
        f"Sampling added {pay.sampling_cost:+.1%} to the processor time of a payment in the switch.",
        f"It added {fetch.sampling_cost:+.1%} to that of a fetched bill.",
        "The microseconds are shares of what the plain turns used.",
        "",
        "Native code is counted for the Python function that called it.",
        "What no Python function calls is native code of the event loop and the driver's reading of rows.",
        "It is counted for the event loop, or for what a coroutine does first as it goes on.",
        "How much of each is left in the other cannot be told by this sampler.",
    ]
