"""The findings of a profile, as sentences chosen by rules."""

from benchmarks.profile.postgres_activity import BETWEEN_BATCHES, COMMITTERS, FOR_THE_SWITCH, ON_PROCESSOR
from benchmarks.profile.profile_turns import SWITCH, PaymentProfile

_FULL = 0.85  # of a core or of the machine: wrk is idle at first, while it reads its file
_DISTURBED = 0.2  # cores used by other processes
_DEAR = 0.1  # sampling that costs more than this may have shifted the shares
_LARGE = 0.1  # a layer or a wait worth a sentence
_NOT_OURS = frozenset({"others", "waiting for disk"})


def sentences(measured: PaymentProfile) -> list[str]:
    """What limits paying, the largest parts, and warnings, one sentence a line."""
    return [
        *_limit(measured),
        *_python(measured),
        *_server(measured),
        *_round_trips(measured),
        *_warnings(measured),
    ]


def _limit(measured: PaymentProfile) -> list[str]:
    cores = measured.pay.median_turn.cores
    ours = sum(share for part, share in cores.items() if part not in _NOT_OURS)
    machine, other_cores = measured.facts["cores"], cores["others"]
    if cores["switch"] >= _FULL:
        each = measured.pay.each(SWITCH)
        return [
            (
                f"The switch's one Python process limits paying:"
                f" it uses {cores['switch']:.2f} of the one core that Python can use."
            ),
            f"At {each:.0f} µs a payment it cannot pass {1e6 / each:.0f} payments a second.",
        ]
    if ours + other_cores >= _FULL * machine:
        return [
            f"The processor limits paying: of {machine} cores we use {ours:.2f} and others {other_cores:.2f}."
        ]
    idle = f"{ours:.2f} of {machine} cores are in use, and {cores['waiting for disk']:.2f} wait for the disk"
    return [f"Waiting limits paying: {idle}."]


def _python(measured: PaymentProfile) -> list[str]:
    used = measured.pay.each(SWITCH)
    layers = list(measured.pay.profile.layers.items())
    large = [(layer, share) for layer, share in layers if share >= _LARGE]
    names = ", ".join(f"{layer} ({share:.0%})" for layer, share in large)
    lines = [f"Within the switch the layers of a tenth and more are: {names or 'none'}."]
    if layers:
        layer, share = layers[0]
        lines.append(
            f"If the largest, {layer}, cost nothing, a payment would use {used * (1 - share):.0f} µs"
            f" instead of {used:.0f}."
        )
    return lines


def _server(measured: PaymentProfile) -> list[str]:
    used, pay = measured.pay.each(COMMITTERS), measured.pay
    states, work = measured.statements.activity.states, measured.statements.activity.work
    lines = [
        (
            f"PostgreSQL's backends of the group commit use {used:.0f} µs of processor time a payment,"
            f" {used / pay.each(SWITCH):.0%} of what the switch uses."
        )
    ]
    for_us = states.get(FOR_THE_SWITCH, 0.0) + states.get(BETWEEN_BATCHES, 0.0)
    lines.append(
        f"They spend {for_us:.0%} of their time waiting for the switch and"
        f" {states.get(ON_PROCESSOR, 0.0):.0%} on a core or ready for one."
    )
    own = {
        state: share
        for state, share in states.items()
        if state not in {FOR_THE_SWITCH, BETWEEN_BATCHES, ON_PROCESSOR}
    }
    large = ", ".join(f"{state} ({share:.0%})" for state, share in own.items() if share >= _LARGE)
    lines.append(f"Waits within the server of a tenth of their time and more: {large or 'none'}.")
    if work:
        name, share = next(iter(work.items()))
        lines.append(f"Of what they spend within the server most, {share:.0%}, is `{name}`.")
    return lines


def _round_trips(measured: PaymentProfile) -> list[str]:
    timed = measured.statements
    waited, calls = sum(timed.seconds.values()), sum(timed.calls.values())
    if not timed.batches or not waited:
        return []
    served = sum(timed.activity.served(name) for name in timed.calls)
    return [
        (
            f"A batch asks the server {calls / timed.batches:.1f} times and waits"
            f" {1e3 * waited / timed.batches:.1f} ms for the answers;"
            f" the server spends {1e3 * served / timed.batches:.1f} ms on them."
        ),
        "The rest is the event loop, which is busy with other things or waits for a core as an answer comes.",
    ]


def _warnings(measured: PaymentProfile) -> list[str]:
    lines = []
    disturbed = max(
        measured_turn.turn.cores["others"]
        for kind in (measured.pay, measured.fetch)
        for measured_turn in kind.plain
    )
    if disturbed > _DISTURBED:
        lines.append(
            f"**Other processes used up to {disturbed:.2f} cores during a turn:"
            " believe no time here but those of the processor.**"
        )
    dear = max(measured.pay.sampling_cost, measured.fetch.sampling_cost)
    if dear > _DEAR:
        lines.append(f"**Sampling added {dear:.0%}: the shares may have shifted.**")
    if measured.audit != "clean":
        lines.append("**The audit is not clean: believe nothing here.**")
    return lines
