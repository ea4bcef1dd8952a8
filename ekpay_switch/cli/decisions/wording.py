"""What `ekpay decide` prints of cases, options and proposals."""

from collections.abc import Iterable, Sequence

from ekpay_switch.cli.terminal import dhaka, facts_wording, taka
from ekpay_switch.domain.decisions.actions import REFERENCE
from ekpay_switch.domain.decisions.case import Case, RefundInDoubt
from ekpay_switch.domain.decisions.host_requests import HostRequest
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.ports.decisions import CaseView, ProposalState, ProposalView, SuspenseView


def case_lines(view: CaseView) -> list[str]:
    """A case: what it is, our books, what was said, and what was decided before."""
    lines = [*_heading(view.case), "", "Our books, of this payment:"]
    lines += [f"  {account} {taka(balance)}" for account, balance in view.balances.items()] or ["  nothing"]
    lines += ["", "What happened and what was said:"]
    lines += [
        f"  {dhaka(line.at)} {line.source.replace('_', ' ')}{_facts(line.facts)}" for line in view.evidence
    ]
    if view.proposals:
        lines += ["", "Proposed before:"]
        lines += [
            f"  {proposal.id} {proposal.action.replace('_', ' ')} by {proposal.proposed_by}: {proposal.state}"
            f"{f', {proposal.end_reason}' if proposal.end_reason else ''}"
            for proposal in view.proposals
        ]
    return lines


def _heading(case: Case) -> list[str]:
    if isinstance(case, RefundInDoubt):
        refund = f"Refund {case.refund_id} of {taka(case.amount.minor)} taka through {case.connector_id}"
        state = f"{case.state.replace('_', ' ')}, sent {case.sends} times"
        return [f"{refund}, of payment {case.payment_id}: {state}"]
    origin = case.connector_id or case.prefund
    payment = f"Payment {case.payment_id} of {case.partner_id} to {case.payee}"
    before = "" if case.came_from is case.state else f", was {case.came_from}"
    state = f"{case.state.replace('_', ' ')}{before}"
    lines = [f"{payment}, {taka(case.sums.total.minor)} taka from {origin}: {state}"]
    if case.in_suspense:
        lines.append(f"Of it {taka(case.in_suspense)} taka stand in suspense, and differ from the order.")
    if case.late_posting:
        lines.append(f"Its payee holds {taka(case.late_posting)} taka that went back already.")
    if case.echoed is not None:
        lines.append(f"Its payee says that it holds {taka(case.echoed)} taka.")
    if case.host_request is HostRequest.OPEN:
        lines.append("Its request over a host link is open: the bank's host ends it, and nobody decides it.")
    for other in case.unbooked:
        name = other.provider_transaction or "without a name"
        lines.append(
            f"Its connector tells {other.amount} beside it ({name}), and no account has it: {other.why}."
        )
    return lines


def option_lines(options: Sequence[Option]) -> list[str]:
    """Everything that may be decided, with what each would post."""
    lines = ["", "What two persons may decide:"]
    for option in options:
        needs = f"; --reference: {REFERENCE[option.action]}" if option.needs_reference else ""
        needs += "; --amount: what was really given back" if option.states_amount else ""
        lines.append(f"  {option.action}: {option.meaning}{needs}")
        lines += [f"    {line}" for line in _entries(option.entries)]
    return lines


def proposal_lines(view: ProposalView) -> list[str]:
    """A proposal with all that its approval posts, and the code that stands for it."""
    about = "" if view.payment_id is None else f" about payment {view.payment_id}"
    lines = [
        f"Decision {view.id}: {view.action.replace('_', ' ')}{about}, {taka(view.amount)} taka",
        f"  proposed by {view.proposed_by} on {dhaka(view.proposed_at)}: {view.reason}",
    ]
    if view.takes_from is not None:
        lines.append(f"  takes from entry {view.takes_from}")
    if view.reference:
        lines.append(f"  reference {view.reference}")
    lines += [f"  {line}" for line in _entries(view.entries)]
    if view.state is ProposalState.WAITING:
        lines.append(f"  code {view.code}")
    else:
        by = f" by {view.ended_by}" if view.ended_by else ""
        why = f": {view.end_reason}" if view.end_reason else ""
        lines.append(f"  {view.state}{by} on {dhaka(view.ended_at)}{why}")
    return lines


def suspense_lines(views: Iterable[SuspenseView], *, in_full: bool) -> list[str]:
    """Items in suspense with what was learned about each: every proposal in full, or only those approved."""
    lines = []
    for view in views:
        item = view.item
        lines.append(
            f"Entry {item.entry_id} of {dhaka(item.since)}, {item.moment.replace('_', ' ')}: "
            f"{taka(item.posted)} taka on {item.account}, {taka(item.remains)} remain"
        )
        for proposal in view.proposals:
            if in_full:
                lines += [f"  {line}" for line in proposal_lines(proposal)]
            elif proposal.state in {ProposalState.APPROVED, ProposalState.WAITING}:
                lines.append(f"  {_short(proposal)}")
    return lines


def _short(proposal: ProposalView) -> str:
    learned = f"{proposal.reason} ({proposal.reference})"
    return f"{proposal.state} {proposal.id}, {taka(proposal.amount)} taka: {learned}"


def _entries(entries: Iterable[Entry]) -> list[str]:
    lines = []
    for entry in entries:
        lines.append(f"posts {entry.moment.replace('_', ' ')}:")
        lines += [
            f"  {'debit ' if posting.amount > 0 else 'credit'} {posting.account} {taka(abs(posting.amount))}"
            for posting in entry.postings
        ]
    return lines


def _facts(facts: object) -> str:
    return f" ({facts_wording(facts)})" if isinstance(facts, dict) and facts else ""
