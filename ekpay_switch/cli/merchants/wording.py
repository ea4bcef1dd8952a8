"""Merchants as people and programs are shown them, and what the terms of one may name."""

from collections.abc import Sequence

from ekpay_switch.cli.connectors.commands import profiles_of
from ekpay_switch.cli.merchants.terms import Known
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.persistence.merchants.staff_actions import Change, MerchantLine, agreement_of, as_document
from ekpay_switch.settings import Settings

HEADINGS = ("merchant", "registration id", "name", "active", ">owed", "since (Dhaka)")


def known_of(settings: Settings) -> Known:
    """The instruments of the connectors here, and the payees of the fee table."""
    profiles = profiles_of(settings)
    names = {profile.id for profile in profiles} | {profile.instrument for profile in profiles}
    plans = {row.payee for row in read_fee_table(settings.config / "fees.toml").rows}
    return Known(names, plans)


def in_a_row(line: MerchantLine) -> tuple[str, ...]:
    """A merchant under HEADINGS."""
    one = line.merchant
    active = "yes" if one.is_active else "no"
    return (
        one.partner_id,
        one.mer_reg_id,
        one.name_en,
        active,
        taka(line.owed.minor),
        dhaka(line.created_at),
    )


def in_full(line: MerchantLine) -> list[tuple[str, str]]:
    """Everything about a merchant but its keys, as what and value."""
    one = line.merchant
    until = line.previous_pass_key_until
    return [
        ("merchant", one.partner_id),
        ("registration id", one.mer_reg_id),
        ("name", one.name_en),
        ("name in Bangla", one.name_bn),
        ("active", "yes" if one.is_active else "no"),
        ("return hosts", " ".join(sorted(one.return_hosts))),
        ("networks", " ".join(one.networks)),
        ("instruments", "all" if one.instruments is None else " ".join(sorted(one.instruments))),
        ("fee plan", one.fee_plan),
        ("charges on refund", one.charges_on_refund.value),
        ("refund limit", taka(one.refund_limit.minor)),
        ("debt limit", taka(one.debt_limit.minor)),
        ("owed", taka(line.owed.minor)),
        ("former pass key until (Dhaka)", dhaka(until)),
        ("since (Dhaka)", dhaka(line.created_at)),
    ]


def for_programs(line: MerchantLine) -> dict[str, object]:
    """Everything about a merchant but its keys; amounts in whole paisa."""
    one = line.merchant
    return {
        "partner_id": one.partner_id,
        "mer_reg_id": one.mer_reg_id,
        "is_active": one.is_active,
        **as_document(agreement_of(one)),
        "owed": line.owed.minor,
        "previous_pass_key_until": line.previous_pass_key_until,
        "created_at": line.created_at,
    }


def changes_for_programs(changes: Sequence[Change]) -> list[dict[str, object]]:
    """Who did what, the oldest first."""
    return [{"at": change.at, "by": change.by, **change.what} for change in changes]


def change_in_words(change: Change) -> tuple[str, str, str]:
    """When, who and what."""
    what = dict(change.what)
    did = str(what.pop("did")).replace("_", " ")
    details = ", ".join(f"{name} {value}" for name, value in what.items() if name != "fields")
    fields = what.get("fields")
    names = " ".join(sorted(fields)) if isinstance(fields, dict) else ""
    return dhaka(change.at), change.by, f"{did} {details or names}".strip()
