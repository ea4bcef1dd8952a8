"""`ekpay merchants`: who sells through us, under which agreement, with which pass key, and who has shares.

Every command that writes asks for somebody of finance and puts them on record; a merchant and a pass key take
two persons.
"""

from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.challans import access as merchant_challans
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.merchants import insecure_ipns
from ekpay_switch.cli.merchants import payees as merchant_payees
from ekpay_switch.cli.merchants.finance_persons import (
    By,
    PartnerId,
    carry_out,
    id_of_merchant,
    of_merchant,
)
from ekpay_switch.cli.merchants.imports import import_merchants
from ekpay_switch.cli.merchants.terms import (
    REQUIRED,
    TermChoices,
    TermError,
    check_mer_reg_id,
    check_partner_id,
    partner_id_of,
    read_terms,
)
from ekpay_switch.cli.merchants.wording import (
    HEADINGS,
    change_row,
    changes_for_programs,
    for_programs,
    table_of_one,
    table_row,
    term_choices,
)
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import show_json, show_table
from ekpay_switch.persistence.access.client_access import (
    merchant_key_order,
    merchant_order,
    merchant_terms_order,
)
from ekpay_switch.persistence.merchants.agreements import Agreement
from ekpay_switch.persistence.merchants.staff_actions import MerchantStaffActions, NewMerchant

app = typer.Typer(help="Merchants, their agreements, pass keys and payees.", no_args_is_help=True)
app.add_typer(merchant_payees.app, name="payees")
app.add_typer(merchant_challans.app, name="challan-access")
app.add_typer(insecure_ipns.app, name="insecure-ipns")
app.command("import")(import_merchants)

_PARTNER_ID = "partner_id"
_Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A term: return_hosts, networks, instruments, fee_plan, charges_on_refund, refund_limit, "
        "debt_limit, refusals_max or order_minutes; several values are separated by spaces. May be repeated.",
    ),
]


@app.command()
def add(
    mer_reg_id: Annotated[str, typer.Argument(metavar="MER_REG_ID", help="What it calls itself, for good.")],
    name_en: Annotated[str, typer.Option(help="What payers read.")],
    name_bn: Annotated[str, typer.Option(help="What payers read in Bangla.")],
    terms: _Set,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a merchant; the approval prints its pass key, once. Set return_hosts and networks.

    Its partner id is made of its registration id, or set as partner_id.
    """
    texts = {"name_en": name_en, "name_bn": name_bn} | _texts(terms)
    chosen_id = texts.pop(_PARTNER_ID, None)
    try:
        check_mer_reg_id(mer_reg_id)
        partner_id = partner_id_of(mer_reg_id) if chosen_id is None else check_partner_id(chosen_id)
    except TermError as problem:
        raise typer.BadParameter(str(problem)) from problem
    if REQUIRED - texts.keys():
        raise typer.BadParameter(f"set {', '.join(sorted(REQUIRED - texts.keys()))} as well")
    new = NewMerchant(partner_id, mer_reg_id, Agreement(**_read_agreement(texts)))
    ask_for(merchant_order(new), asked_by, approved_by, as_json=as_json)


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List merchants and what each is owed."""
    lines = open_session().run(lambda engine: MerchantStaffActions(engine).list())
    return PrintedList(
        "Merchants", HEADINGS, (table_row(line) for line in lines), (for_programs(line) for line in lines)
    )


@app.command()
def show(partner_id: PartnerId, *, as_json: AsJson = False) -> None:
    """Show a merchant, its agreement, what it is owed and who changed what."""
    reading = of_merchant(partner_id, lambda engine, merchant: MerchantStaffActions(engine).show(merchant))
    line, changes = open_session().run(reading)
    if as_json:
        show_json(for_programs(line) | {"changes": changes_for_programs(changes)})
        return
    show_table(line.merchant.name_en, ("what", "value"), table_of_one(line))
    show_table("Changes", ("when (Dhaka)", "by", "what"), (change_row(change) for change in changes))


@app.command("rotate-key")
def rotate_key(
    partner_id: PartnerId,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long the pass key of before is still good.")
    ] = 24,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a new pass key of a merchant; the approval prints it, once."""
    order = merchant_key_order(id_of_merchant(partner_id), timedelta(hours=overlap_hours))
    ask_for(order, asked_by, approved_by, as_json=as_json)


@app.command()
def change(
    partner_id: PartnerId,
    terms: _Set,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for other terms or names of a merchant; with the approval what is set replaces what was."""
    order = merchant_terms_order(id_of_merchant(partner_id), _read_agreement(_texts(terms)))
    ask_for(order, asked_by, approved_by, as_json=as_json)


@app.command()
def activate(partner_id: PartnerId, by: By, *, as_json: AsJson = False) -> None:
    """Let a merchant sell again."""
    _set_active(partner_id, by, is_active=True, as_json=as_json)


@app.command()
def deactivate(partner_id: PartnerId, by: By, *, as_json: AsJson = False) -> None:
    """Take no more orders of a merchant; payments that stand go their way."""
    _set_active(partner_id, by, is_active=False, as_json=as_json)


def _set_active(partner_id: str, by: str, *, is_active: bool, as_json: bool) -> None:
    async def _set(engine: AsyncEngine, merchant: str) -> None:
        await MerchantStaffActions(engine).set_active(merchant, by, is_active=is_active)

    carry_out(by, of_merchant(partner_id, _set))
    if as_json:
        show_json({"partner_id": partner_id, "is_active": is_active})
        return
    typer.echo(f"{partner_id} is {'active' if is_active else 'not active any more'}.")


def _texts(terms: list[str]) -> dict[str, str]:
    """The terms by name."""
    texts: dict[str, str] = {}
    for term in terms:
        name, equals, value = term.partition("=")
        if not equals or name in texts:
            raise typer.BadParameter(f"{term} is not NAME=VALUE, each name once")
        texts[name] = value
    return texts


def _read_agreement(texts: dict[str, str]) -> dict[str, Any]:
    """The terms as fields of an agreement."""
    known: TermChoices = term_choices(open_session().settings)
    fields, wrong = read_terms(texts, known)
    if wrong:
        raise typer.BadParameter("; ".join(f"{name}: {problem}" for name, problem in wrong.items()))
    return fields
