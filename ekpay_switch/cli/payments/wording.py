"""A payment's history in words, for operators and finance.

Times are Dhaka times, amounts taka; bill numbers and accounts show their last characters only.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ekpay_switch.cli.payments.file_wording import file_wording, is_file_evidence
from ekpay_switch.cli.payments.whole_amount import PARTS, whole_amount
from ekpay_switch.cli.routing.wording import decision_lines
from ekpay_switch.cli.terminal import dhaka, dhaka_time, facts_wording, taka
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.notifications import DeliveryState
from ekpay_switch.domain.payment import FINAL, Event, State, public_state
from ekpay_switch.domain.refunds.burden import Bearer
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.persistence.payments.payment_details import Line, PaymentDetails
from ekpay_switch.persistence.routing.documents import decision_of
from ekpay_switch.security.masking import mask_account, printable

BEARER_WORDING: Mapping[Bearer, str] = MappingProxyType(
    {
        Bearer.PAYEE: "the payee bears it",
        Bearer.CONSENT: "the biller bears it, by its written consent",
        Bearer.LOSS: "we bear it: the biller keeps what it was credited",
    }
)
REFUND_STATE_WORDING: Mapping[RefundState, str] = MappingProxyType(
    {
        RefundState.REQUESTED: "a second person has to agree; the amount is held in the running total",
        RefundState.APPROVED: "the money is owed; it is to be sent, or provably never left us",
        RefundState.SENT: "the connector is being told",
        RefundState.IN_DOUBT: "the connector was told and nobody knows",
        RefundState.DONE: "the payer has it",
        RefundState.FAILED: "the connector does not give it, and the payee keeps the money",
        RefundState.BY_HAND: "the connector does not give it, and it is owed: finance pays it",
        RefundState.REJECTED: "the second person said no; nothing moved",
        RefundState.HELD: "the connector holds the money back until a dispute ends",
        RefundState.RETURNED: "a dispute was won: the connector has let go of the money",
    }
)
REFUND_EVENT_WORDING: Mapping[RefundEvent, str] = MappingProxyType(
    {
        RefundEvent.APPROVED: "a second person agreed",
        RefundEvent.REJECTED: "a second person said no",
        RefundEvent.SENDING: "the connector is about to be told",
        RefundEvent.NOT_SENT: "nothing was sent",
        RefundEvent.DOUBTED: "there was no usable answer, or it is not done yet",
        RefundEvent.PAID_BACK: "the connector has given it back",
        RefundEvent.REFUSED: "the connector refused it",
        RefundEvent.LEFT_TO_FINANCE: "the connector does not give back what is owed",
        RefundEvent.PAID_BY_HAND: "our bank has paid it, two persons say",
        RefundEvent.BY_HAND_WITHDRAWN: "somebody withdrew that our bank has paid it",
        RefundEvent.PAID_LATE: "the connector has given it back after all; suspense has the claim",
        RefundEvent.TAKEN_BY_CONNECTOR: "the connector has taken the money back by itself",
        RefundEvent.HELD_BY_CONNECTOR: "the connector holds the money back, since the payer disputes it",
        RefundEvent.RETURNED_BY_CONNECTOR: "the dispute was won, and the connector has let go of the money",
        RefundEvent.REVIEWED_AS_PAID_BACK: "two persons decided that the connector has given it back",
        RefundEvent.REVIEWED_AS_UNPAID: "two persons decided that the connector will not give it back",
    }
)
EVENT_WORDING: Mapping[Event, str] = MappingProxyType(
    {
        Event.PREFUND_TAKEN: "the partner's prefund was taken and the biller is being told",
        Event.REFUSED: "the order was refused; no money moved",
        Event.COLLECTION_STARTED: "a connector was asked to collect the money",
        Event.COLLECTION_CAME_TO_NOTHING: "the connector collected nothing; another may be tried",
        Event.PAYER_NEVER_PAID: "the payer never paid",
        Event.COLLECTED: "the money was collected",
        Event.DELIVERY_STARTED: "the biller is being told",
        Event.MERCHANT_CREDITED: "the merchant was credited",
        Event.BILLER_ACKNOWLEDGED: "the biller acknowledged the payment",
        Event.RECEIPT_ISSUED: "the biller's final receipt has come",
        Event.BILLER_REFUSED: "the biller refused it",
        Event.BILLER_UNREACHED: "the biller was not reached; nothing was sent",
        Event.PROVEN_NOT_POSTED: "the biller says for certain that it has no such payment",
        Event.DELIVERY_GIVEN_UP: "delivery was given up",
        Event.GIVEN_BACK: "the money, charges included, is back",
        Event.FACTS_DISAGREED: "what a far side says does not agree with our books; two persons decide",
        Event.CONTRARY_EVIDENCE: "evidence against the final state arrived; two persons decide",
        Event.REVIEWED_TO_DELIVER: "two persons decided to tell the biller",
        Event.REVIEWED_TO_GIVE_BACK: "two persons decided to give the money back",
        Event.REVIEWED_AS_COMPLETED: "two persons decided that it is completed",
        Event.REVIEWED_AS_DECLINED: "two persons decided that it stays declined",
        Event.REVIEWED_AS_EXPIRED: "two persons decided that it stays expired",
        Event.REVIEWED_AS_REFUNDED: "two persons decided that it stays refunded",
    }
)


_WAITS_FOR_A_PERSON = frozenset({RefundState.REQUESTED, RefundState.BY_HAND})


def payment_lines(story: PaymentDetails, tokens: Sequence[TokenLine] = ()) -> Iterator[str]:
    """The whole history, a line of the terminal at a time; `tokens` are what it bought, in order."""
    for part in (
        _opening,
        _charges,
        _steps,
        _attempts,
        _decisions,
        _tries,
        _refunds,
        _evidence,
        _entries,
        _notifications,
    ):
        yield from (printable(line) for line in part(story))
    yield from _token_lines(tokens)
    yield from (printable(line) for line in _ending(story))


def _opening(story: PaymentDetails) -> Iterator[str]:
    payment = story.payment
    yield f"Payment {payment['id']}"
    yield f"  asked for by {payment['partner_id']} under its reference {payment['reference']}"
    # Where a biller takes any number of payments the key is our own quote's, which is not shown.
    is_named = payment["bill_key"] and not payment["bill_key"].startswith("quote:")
    bill = f" for bill {mask_account(payment['bill_key'])}" if is_named else ""
    yield f"  to {payment['biller_id']}{bill}, business date {payment['business_date']}"
    parts = [f"bill {taka(payment['amount'])}"]
    parts += [f"{name} {taka(payment[name])}" for name in PARTS[1:] if payment[name]]
    yield f"  {payment['currency']} {taka(whole_amount(payment))} ({', '.join(parts)}){_source(story)}"
    if payment["scroll_no"] is not None:
        yield f"  number {payment['scroll_no']} in the biller's scroll of that day"


def _source(story: PaymentDetails) -> str:
    """Where the money comes from, if that is known."""
    payment = story.payment
    if payment["collected_by"]:
        return f", collected by {payment['collected_by']}"
    is_collected = any(attempt["leg"] == "funds" for attempt in story.attempts)
    if is_collected or is_merchant(payment["biller_id"]):
        return ", to be collected from a payer"
    return f" from the {payment['bucket']} prefund" if payment["bucket"] else ""


def _charges(story: PaymentDetails) -> Iterator[str]:
    """The biller's own lines, in its order and words (billers.md 1.3)."""
    yield from _heading("What the biller makes of the money", story.charges)
    for line in story.charges:
        yield f"  {taka(line['amount']):>16}  {line['label']}"


def _token_lines(tokens: Sequence[TokenLine]) -> Iterator[str]:
    heading = f"Token of {len(tokens)} lines, to be typed in in this order"
    yield from _heading(heading if len(tokens) > 1 else "Token", tokens)
    for line in tokens:
        yield f"  {line.seq:>2}  {line.grouped_digits}  {line.kind.replace('_', ' ')}"


def _steps(story: PaymentDetails) -> Iterator[str]:
    day = None
    yield "What happened (Dhaka time)"
    for step in story.history:
        if in_dhaka(step["at"]).date() != day:
            day = in_dhaka(step["at"]).date()
            yield f"  {day}"
        words = EVENT_WORDING[Event(step["event"])]
        facts = facts_wording(step["facts"])
        yield f"    {dhaka_time(step['at'])}  {words}{': ' + facts if facts else ''}"
        yield f"                  {step['from_state']} → {step['to_state']}, by {step['actor']}"


def _attempts(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("Whom we asked", story.attempts)
    for attempt in story.attempts:
        sends = "once" if attempt["sends"] == 1 else f"{attempt['sends']} times"
        outcome = f", {attempt['outcome'].replace('_', ' ')}" if attempt["outcome"] else ""
        closed = f", closed at {dhaka(attempt['closed_at'])}" if attempt["closed_at"] else ""
        yield f"  {attempt['far_side']} under our reference {attempt['reference']}"
        yield f"    sent at most {sends}, opened at {dhaka(attempt['opened_at'])}{closed}"
        yield f"    {attempt['state']}{outcome}{_step_of(attempt['step'])}"


def _step_of(step: str) -> str:
    """The last step of an attempt, where its biller needs more than one."""
    return "" if step == "pay" else f", last step begun: {step.replace('_', ' ')}"


def _decisions(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("Why they were asked to collect", story.decisions)
    for decided in story.decisions:
        yield from (f"  {line}" for line in decision_lines(decision_of(decided["document"])))


def _tries(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("How its money was collected", story.tries)
    for row in story.tries:
        name = row["provider_reference"] or "no page"
        until = f", which lapses at {dhaka(row['page_until'])}" if row["page_until"] else ""
        yield f"  {row['connector_id']}, {name}{until}"
        executes = row["executes_begun"]
        execute_wording = (
            f"asked for {'once' if executes == 1 else f'{executes} times'}" if executes else "not asked for"
        )
        yield f"    the money was {execute_wording}; {_collected_wording(row)}"
        if row["next_action_at"] is not None:
            yield f"    looked at again at {dhaka(row['next_action_at'])}; {row['asked']} were asked so far"
    if story.callbacks:
        yield f"  {story.callbacks} message{'s' if story.callbacks > 1 else ''} of connectors came unasked"


def _collected_wording(row: Line) -> str:
    if row["collected"] is None:
        return "none came"
    name = f" as {row['provider_transaction']}" if row["provider_transaction"] else ""
    collected_wording = f"{taka(row['collected'])} came at {dhaka(row['collected_at'])}{name}"
    return (
        f"{collected_wording}, {taka(row['refunded'])} of it goes back"
        if row["refunded"]
        else collected_wording
    )


def _refunds(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("What goes back to the payer", story.refunds)
    for refund in story.refunds:
        yield from (f"  {line}" for line in refund_lines(refund, story.refund_steps[refund["id"]]))


def refund_lines(refund: Line, steps: Sequence[Line]) -> Iterator[str]:
    """A refund's life, a line of the terminal at a time."""
    state = RefundState(refund["state"])
    heading = f"{refund['kind'].replace('_', ' ')} {refund['id']}"
    yield f"{heading} of {taka(refund['amount'])} by {refund['connector_id']}"
    yield f"  asked for by {refund['asked_by']} at {dhaka(refund['created_at'])}: {refund['reason']}"
    bearer = Bearer(refund["bearer"])
    if bearer is not Bearer.PAYEE:
        yield f"  {BEARER_WORDING[bearer]}{': ' + refund['consent'] if refund['consent'] else ''}"
    if refund["from_suspense"]:
        yield f"  {taka(refund['from_suspense'])} of it is taken from suspense: its payee does not give it"
    for step in steps:
        facts = facts_wording(step["facts"])
        words = REFUND_EVENT_WORDING[RefundEvent(step["event"])]
        yield f"  {dhaka(step['at'])}  {words}{': ' + facts if facts else ''}"
        yield f"                       {step['from_state']} → {step['to_state']}, by {step['actor']}"
    if refund["bank_reference"] is not None:
        statement = f"{refund['by_hand_by']} says that our bank paid it as {refund['bank_reference']}"
        confirmation = (
            f"confirmed by {refund['confirmed_by']}" if refund["confirmed_by"] else "to be confirmed"
        )
        yield f"  {statement}; {confirmation}"
    due = f"; due at {dhaka(refund['next_action_at'])}" if refund["next_action_at"] is not None else ""
    yield f"  It is {state.replace('_', ' ')}: {REFUND_STATE_WORDING[state]}{due}."


def _evidence(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("Answers that decided nothing by themselves", story.evidence)
    for answer in story.evidence:
        if is_file_evidence(answer["kind"]):
            yield f"  {dhaka(answer['at'])}  {file_wording(answer['kind'], answer['facts'])}"
            continue
        facts = facts_wording(answer["facts"])
        words = _evidence_wording(answer["kind"])
        yield f"  {dhaka(answer['at'])}  {words}{': ' + facts if facts else ''}"


def _evidence_wording(kind: str) -> str:
    prefix, _, rest = kind.partition(":")
    if prefix != "begun":
        return kind.replace("_", " ")
    step, _, sends = rest.partition(":")
    again = "" if sends == "1" else f", the attempt's sending number {sends}"
    return f"{step.replace('_', ' ')} was made ready to be sent{again}"


def _entries(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("What was posted (debit +, credit -)", story.entries)
    for entry in story.entries:
        place = f"lane {entry['lane']}, number {entry['seq']}, window {entry['window_id']}"
        yield f"  {dhaka(entry['at'])}  {entry['moment'].replace('_', ' ')} ({place})"
        for line in story.postings[entry["id"]]:
            sign = "+" if line["amount"] > 0 else "-"
            yield f"    {sign} {taka(abs(line['amount'])):>14}  {line['account']}"


def _notifications(story: PaymentDetails) -> Iterator[str]:
    yield from _heading("Who is told", story.notifications)
    for notice in story.notifications:
        words = notice["notice"].replace("_", " ")
        state = notice["state"].replace("_", " ")
        yield f"  {dhaka(notice['created_at'])}  {notice['partner_id']}: {words} ({state})"
        for delivery in story.deliveries:
            if delivery["notification_id"] == notice["id"]:
                yield f"    {_delivery_wording(delivery)}"


def _delivery_wording(delivery: Line) -> str:
    state, due, count = DeliveryState(delivery["state"]), "", delivery["tries"]
    if state is DeliveryState.DELIVERED:
        due = f" at {dhaka(delivery['delivered_at'])}"
    elif state is DeliveryState.WAITING:
        due = f", next try from {dhaka(delivery['next_try_at'])}"
    tried = f", tried {'once' if count == 1 else f'{count} times'}" if count else ""
    why = f": {delivery['last_why']}" if delivery["last_why"] else ""
    return f"{delivery['url']}: {state.value.replace('_', ' ')}{due}{tried}{why}"


def _ending(story: PaymentDetails) -> Iterator[str]:
    payment = story.payment
    state = State(payment["state"])
    why = f" because {payment['refusal'].replace('_', ' ')}" if payment["refusal"] else ""
    yield f"It is {state.replace('_', ' ')}{why}; callers are told: {public_state(state)}."
    facts = facts_wording(payment["facts"])
    if facts:
        yield f"  {facts}"
    next_checks = [row["next_action_at"] for row in (*story.tries, *story.refunds) if row["next_action_at"]]
    if payment["next_action_at"] is not None:
        due = dhaka(payment["next_action_at"])
        yield f"  The next question is due at {due}; {payment['asked']} were asked so far."
    elif next_checks:
        yield f"  Its tries and refunds are looked at again at {dhaka(min(next_checks))}."
    elif any(refund["state"] in _WAITS_FOR_A_PERSON for refund in story.refunds):
        yield "  A refund of it waits for a person: ekpay refunds list."
    elif state in FINAL:
        yield "  Nothing is left to do."
    else:
        yield "  Nothing happens by itself any more: a person has to look."


def _heading(heading: str, lines: object) -> Iterator[str]:
    """The heading, unless there are no lines below it."""
    if lines:
        yield heading
