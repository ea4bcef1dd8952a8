"""`ekpay billers`: which billers this installation can pay, as their manifests say."""

import typer

from ekpay_switch.cli.billers.certify import certify
from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.billers.show import show
from ekpay_switch.cli.billers.stand_in import app as stand_in
from ekpay_switch.cli.ledger import deposits
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.parties.corrections import DEPOSIT_CORRECTIONS
from ekpay_switch.cli.scrolls import bill_files
from ekpay_switch.cli.scrolls import commands as scrolls
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.settings import read_settings

app = typer.Typer(help="The billers that can be paid.", no_args_is_help=True)
app.command("certify")(certify)
app.command("show")(show)
app.add_typer(stand_in, name="stand-in")
deposits.register(app)
DEPOSIT_CORRECTIONS.register(app)
scrolls.register(app)
bill_files.register(app)


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List billers, and the fields that name a bill of each."""
    profiles = profiles_of(read_settings())
    headings = ("ekPay id", "biller", "name", "category", "prefund", "status", "named by", "steps")
    return PrintedList(
        "Billers",
        headings,
        (_for_people(profile) for profile in profiles),
        (_for_programs(profile) for profile in profiles),
    )


def _for_people(profile: BillerProfile) -> tuple[str, ...]:
    fields = ", ".join(parameter.name for parameter in profile.parameters)
    return (
        profile.ekpay_id,
        profile.id,
        f"{profile.name_en} / {profile.name_bn}",
        profile.category,
        profile.bucket,
        profile.status,
        fields,
        _payment_notes(profile),
    )


def _payment_notes(profile: BillerProfile) -> str:
    """What is special about a payment to this biller: steps, locks, tokens, deposits, routes, receipts."""
    parts = [", then ".join(profile.steps)]
    if profile.fetch_has_side_effects:
        parts.append("a fetch locks, so never in bulk")
    if profile.gives_tokens:
        parts.append("brings a token")
    if profile.pays_from_deposit:
        parts.append("from a deposit")
    if profile.second_route:
        parts.append("has a second route")
    if profile.receipt_comes_later:
        parts.append("the final receipt comes later")
    return "; ".join(parts)


def _for_programs(profile: BillerProfile) -> dict[str, object]:
    return {
        "id": profile.id,
        "ekpay_id": profile.ekpay_id,
        "name_en": profile.name_en,
        "name_bn": profile.name_bn,
        "category": profile.category,
        "bucket": profile.bucket,
        "status": profile.status,
        "takes_bill_once": profile.takes_bill_once,
        "steps": list(profile.steps),
        "fetch_has_side_effects": profile.fetch_has_side_effects,
        "gives_tokens": profile.gives_tokens,
        "fetch_mode": profile.fetch_mode,
        "pays_from_deposit": profile.pays_from_deposit,
        "has_unique_receipt": profile.has_unique_receipt,
        "receipt_comes_later": profile.receipt_comes_later,
        "second_route": bool(profile.second_route),
        "safety": {
            "deduplicates": profile.safety.deduplicates,
            "can_be_asked": profile.safety.can_be_asked,
            "not_found_settle_seconds": profile.safety.not_found_settle_seconds,
            "can_be_undone": profile.safety.can_be_undone,
            "echoes_amount": profile.safety.echoes_amount,
            "answers_repeats_alike": profile.safety.answers_repeats_alike,
        },
        "parameters": [_field_for_programs(parameter) for parameter in profile.parameters],
    }


def _field_for_programs(field: Parameter) -> dict[str, object]:
    bounds = field.bounds
    return {
        "name": field.name,
        "wire_name": field.wire_name,
        "label_en": field.label_en,
        "label_bn": field.label_bn,
        "pattern": field.pattern,
        "example": field.example,
        "group": field.group,
        "is_required": field.is_required,
        "names_payer": field.names_payer,
        "choices": [value for value, _, _ in field.choices],
        "amount_min_paisa": bounds.least.minor if bounds and bounds.least else None,
        "amount_max_paisa": bounds.most.minor if bounds and bounds.most else None,
    }
