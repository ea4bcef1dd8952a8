"""Merchants as rows for people and as JSON for programs, and what the terms of one may name."""

from collections.abc import Sequence

from ekpay_switch.cli.connectors.profiles import profiles_of
from ekpay_switch.cli.merchants.terms import TermChoices
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.persistence.merchants.agreements import agreement_document, agreement_of
from ekpay_switch.persistence.merchants.staff_actions import MerchantChange, MerchantLine
from ekpay_switch.settings import Settings

HEADINGS = ("merchant", "registration id", "name", "active", ">owed", "since (Dhaka)")


def term_choices(settings: Settings) -> TermChoices:
    """The instruments of the connectors here, and the payees of the fee table."""
    profiles = profiles_of(settings)
    names = {profile.id for profile in profiles} | {profile.instrument for profile in profiles}
    plans = {row.payee for row in read_fee_table(settings.config / "fees.toml").rows}
    return TermChoices(names, plans)


def table_row(line: MerchantLine) -> tuple[str, ...]:
    """A merchant under HEADINGS."""
    merchant = line.merchant
    active = "yes" if merchant.is_active else "no"
    return (
        merchant.partner_id,
        merchant.mer_reg_id,
        merchant.name_en,
        active,
        taka(line.amount_owed.minor),
        dhaka(line.created_at),
    )


def table_of_one(line: MerchantLine) -> list[tuple[str, str]]:
    """Everything about a merchant but its keys, as rows of name and value."""
    merchant = line.merchant
    until = line.previous_pass_key_until
    return [
        ("merchant", merchant.partner_id),
        ("registration id", merchant.mer_reg_id),
        ("name", merchant.name_en),
        ("name in Bangla", merchant.name_bn),
        ("active", "yes" if merchant.is_active else "no"),
        ("return hosts", " ".join(sorted(merchant.return_hosts))),
        ("networks", " ".join(merchant.networks)),
        ("instruments", "all" if merchant.instruments is None else " ".join(sorted(merchant.instruments))),
        ("fee plan", merchant.fee_plan),
        ("charges on refund", merchant.charges_on_refund.value),
        ("refund limit", taka(merchant.refund_limit.minor)),
        ("debt limit", taka(merchant.debt_limit.minor)),
        ("refusals that end an order", str(merchant.refusals_max)),
        ("minutes after which it ends", str(merchant.order_minutes)),
        ("IPNs over plain http", _plain_http(line)),
        ("owed", taka(line.amount_owed.minor)),
        ("former pass key until (Dhaka)", dhaka(until)),
        ("since (Dhaka)", dhaka(line.created_at)),
    ]


def _plain_http(line: MerchantLine) -> str:
    if line.merchant.insecure_ipns:
        return "approved: anybody on the way may read and change them"
    return f"asked for by {line.insecure_ipns_asked_by}" if line.insecure_ipns_asked_by else "no"


def for_programs(line: MerchantLine) -> dict[str, object]:
    """Everything about a merchant but its keys; amounts in whole paisa."""
    merchant = line.merchant
    return {
        "partner_id": merchant.partner_id,
        "mer_reg_id": merchant.mer_reg_id,
        "is_active": merchant.is_active,
        **agreement_document(agreement_of(merchant)),
        "insecure_ipns": merchant.insecure_ipns,
        "insecure_ipns_asked_by": line.insecure_ipns_asked_by,
        "owed": line.amount_owed.minor,
        "previous_pass_key_until": line.previous_pass_key_until,
        "created_at": line.created_at,
    }


def changes_for_programs(changes: Sequence[MerchantChange]) -> list[dict[str, object]]:
    """Who did what, the oldest first."""
    return [{"at": change.at, "by": change.by, **change.details} for change in changes]


def change_row(change: MerchantChange) -> tuple[str, str, str]:
    """When, who and what."""
    facts = dict(change.details)
    action = str(facts.pop("did")).replace("_", " ")
    approver = facts.pop("approved_by", None)
    details = ", ".join(f"{name} {value}" for name, value in facts.items() if name != "fields")
    fields = facts.get("fields")
    names = " ".join(sorted(fields)) if isinstance(fields, dict) else ""
    what = f"{action} {details or names}".strip()
    return dhaka(change.at), change.by, what if approver is None else f"{what}, approved by {approver}"
