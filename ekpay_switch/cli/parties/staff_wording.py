"""How the staff and its changes are printed."""

from typing import Final

from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import complain, dhaka
from ekpay_switch.domain.parties.access import AccessKind, CameBy
from ekpay_switch.persistence.parties.access_changes import AccessChange, AccessOrder
from ekpay_switch.persistence.parties.staff import FIRST_PERSONS, Staff, StaffLine

STAFF_HEADINGS: Final = (
    "name", "roles", "since (Dhaka)", "added by", "passphrase", "disabled (Dhaka)", "disabled by",
)  # fmt: skip
CHANGE_HEADINGS: Final = ("what", "state", "asked by", "asked (Dhaka)", "decided by", "why", "id")


def change_wording(change: AccessOrder | AccessChange) -> str:
    """What is asked for, in a few words."""
    match change.kind:
        case AccessKind.STAFF_ADDED:
            return f"{change.subject} as new person, {', '.join(change.terms['roles'])}"
        case AccessKind.STAFF_ROLES:
            return f"{change.subject} as {', '.join(change.terms['roles'])}"
        case _:
            return f"Another passphrase of {change.subject}"


def change_for_people(change: AccessChange) -> tuple[str, ...]:
    """A change as a row of the table."""
    rejected = f"; rejected: {change.rejection_reason}" if change.rejection_reason else ""
    return (
        change_wording(change),
        change.state,
        change.asked_by,
        dhaka(change.asked_at),
        change.approved_by or change.rejected_by or "",
        f"{change.reason}{rejected}",
        str(change.change_id),
    )


def change_for_programs(change: AccessChange) -> dict[str, object]:
    """A change as JSON."""
    return {
        "id": change.change_id,
        "kind": change.kind,
        "subject": change.subject,
        "terms": dict(change.terms),
        "reason": change.reason,
        "state": change.state,
        "asked_by": change.asked_by,
        "asked_at": change.asked_at,
        "approved_by": change.approved_by,
        "approved_at": change.approved_at,
        "rejected_by": change.rejected_by,
        "rejection_reason": change.rejection_reason,
    }


def member_for_people(member: StaffLine) -> tuple[str, ...]:
    """A person as a row of the table."""
    return (
        member.name,
        ", ".join(member.roles),
        dhaka(member.since),
        _added_by(member),
        "chosen" if member.has_passphrase else "not yet",
        dhaka(member.disabled_at),
        member.disabled_by or "",
    )


def member_for_programs(member: StaffLine) -> dict[str, object]:
    """A person as JSON."""
    return {
        "name": member.name,
        "roles": list(member.roles),
        "since": member.since,
        "came_by": member.came_by,
        "asked_by": member.asked_by,
        "approved_by": member.approved_by,
        "reason": member.reason,
        "has_passphrase": member.has_passphrase,
        "is_enabled": member.disabled_at is None,
        "disabled_at": member.disabled_at,
        "disabled_by": member.disabled_by,
    }


def tell_if_too_few() -> None:
    """Say it where fewer than two persons can decide: nobody can be added, and no money moved by hand."""
    left = open_session().run(lambda engine: Staff(engine).deciders())
    if len(left) < FIRST_PERSONS:
        who = f"only {left[0]} is left who" if left else "nobody is left who"
        complain(
            f"{who} can decide: nothing that takes two persons can be approved, and nobody added; "
            "the owner of the database adds somebody with ekpay staff recover"
        )


def _added_by(member: StaffLine) -> str:
    match member.came_by:
        case CameBy.INSTALLATION:
            return "the installation"
        case CameBy.TWO_PERSONS:
            return f"{member.asked_by}, {member.approved_by}"
        case CameBy.RECOVERY:
            return f"the owner of the database: {member.reason}"
        case CameBy.BEFORE:
            return "before it took two persons"
