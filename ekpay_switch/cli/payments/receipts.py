"""`ekpay receipts`: show a payment's receipt, set it as PDF, and check one that somebody holds."""

import asyncio
import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.billers.profiles import NoTokens, NoWire
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import Session, keys_of, open_session
from ekpay_switch.cli.terminal import complain, show_json, show_table, taka
from ekpay_switch.composition.switch import customer_seal
from ekpay_switch.flows.receipts.receipt import Receipt, receipt_of
from ekpay_switch.persistence.payments.receipts import PostgresReceipts, ask_for_final_receipt
from ekpay_switch.plugins import load_billers, load_connectors
from ekpay_switch.security.keys import KEY_FILE
from ekpay_switch.security.receipt_keys import (
    Flaw,
    ReceiptKeyError,
    ReceiptKeys,
    SignedFacts,
    key_id,
    verify_signed_text,
)
from ekpay_switch.settings import Settings, read_settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.web.receipts.issuer import read_issuer
from ekpay_switch.web.receipts.lines import receipt_sections, signed_facts, validity_text
from ekpay_switch.web.receipts.pages import SignedReceipt, pdf_content
from ekpay_switch.web.receipts.typesetter import Typesetter

FAILED = 1
_FLAWS = {
    Flaw.NOT_OURS: "not ours: this is no receipt that one of these keys has signed",
    Flaw.TAMPERED: "tampered: this receipt was changed, or a part of it is missing",
}

app = typer.Typer(help="Show receipts and check them.", no_args_is_help=True)


@app.command()
def show(
    payment: Annotated[str, typer.Argument(help="The payment's id.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as PDF to this file as well.")
    ] = None,
) -> None:
    """Print the receipt of a payment that we collected: masked, as its page shows it."""
    payment_id = _payment_id(payment)
    session = open_session()
    receipt = _receipt(session, payment_id)
    if receipt is None:
        raise typer.BadParameter(
            f"payment {payment} has no receipt: unknown, not collected, or not completed"
        )
    keys = ReceiptKeys(session.keys())
    public_url = session.settings.public_url
    issuer = read_issuer(session.settings.config)
    signed_receipt = SignedReceipt(
        receipt, keys.sign(signed_facts(receipt)), keys.path(payment_id), public_url, issuer
    )
    rows = [
        (line.label.english, line.value.english)
        for group in receipt_sections(receipt, issuer)
        for line in group.lines
    ]
    show_table(validity_text(receipt).english, ("what", "value"), rows)
    # Outside the table, which would fold them.
    typer.echo(f"{public_url}{signed_receipt.path}")
    typer.echo(signed_receipt.signed)
    if out is not None:
        _write_pdf(signed_receipt, out)


@app.command()
def ask(payment: Annotated[str, typer.Argument(help="The payment's id.")]) -> None:
    """Have the worker ask the biller once more for a final receipt that did not come in time."""
    payment_id, session = _payment_id(payment), open_session()
    config, divisor = session.settings.config, session.settings.time_divisor
    billers = load_billers(config, NoWire(), NoTokens(), SystemClock(), divisor)
    ids = [biller.profile.id for biller in billers.all() if biller.profile.receipt_comes_later]
    biller_id = session.run(lambda engine: ask_for_final_receipt(engine, payment_id, ids))
    if biller_id is None:
        raise typer.BadParameter(
            f"payment {payment} waits for no final receipt: unknown, not completed, of a biller that gives "
            "none later, or it is there"
        )
    typer.echo(f"{biller_id} is asked again for the final receipt of {payment}.")


@app.command()
def verify(
    text: Annotated[str, typer.Argument(help="What the QR code holds: the address, or its last part.")],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A public key, `rcpk_...`; may be repeated.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="What /receipt/keys answered, as a file.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the amount in paisa.")] = False,
) -> None:
    """Check a receipt without network and without books; with no key given, by the keys of this installation.

    Exit code 0: the signature is right. Whether the money has gone back since, only the page can say.
    """
    # A line that was copied from paper or a PDF is folded.
    signed = "".join(text.split()).rpartition("/")[2]
    known = [*(key or []), *(_keys_from_file(keys) if keys else [])] or _own_keys(read_settings())
    try:
        result = verify_signed_text(signed, known)
    except ReceiptKeyError as problem:
        raise typer.BadParameter("a key is `rcpk_` and 32 bytes in base64", param_hint="--key") from problem
    if isinstance(result, Flaw):
        if as_json:
            show_json({"result": result.value})
        else:
            complain(_FLAWS[result])
        raise typer.Exit(FAILED)
    _show_facts(result, as_json=as_json)


@app.command("keys")
@prints_list
def list_keys() -> PrintedList:
    """Print the public keys that our receipts are checked with, the newest first."""
    keys = [(key_id(key), key) for key in _own_keys(read_settings())]
    records = ({"id": name, "public_key": key} for name, key in keys)
    return PrintedList("Keys of receipts", ("id", "public key"), keys, records)


def _show_facts(facts: SignedFacts, *, as_json: bool) -> None:
    payment = f"pay_{facts.payment_id.hex}"
    if as_json:
        fields = {"payment": payment, "transaction": facts.transaction, "payee": facts.payee}
        show_json({"result": "valid", **fields, "amount": facts.paisa, "paid_on": facts.paid_on})
        return
    rows = [
        ("paid to", facts.payee),
        ("total", f"{taka(facts.paisa)} taka"),
        ("paid on (Dhaka)", facts.paid_on.isoformat()),
        ("transaction", facts.transaction),
        ("payment", payment),
    ]
    show_table("valid signature", ("what", "value"), rows)


def _receipt(session: Session, payment_id: UUID) -> Receipt | None:
    config, divisor = session.settings.config, session.settings.time_divisor
    wire, tokens, clock = NoWire(), NoTokens(), SystemClock()
    billers = load_billers(config, wire, tokens, clock, divisor)
    connectors = load_connectors(config, wire, tokens, clock, divisor)
    customers = customer_seal(session.settings, session.keys())
    return session.run(
        lambda engine: receipt_of(payment_id, PostgresReceipts(engine, customers), billers, connectors)
    )


def _write_pdf(receipt: SignedReceipt, file: Path) -> None:
    pdf = asyncio.run(_typeset(receipt))
    if pdf is None:
        complain("the PDF could not be made; the lines above say why")
        raise typer.Exit(FAILED)
    file.write_bytes(pdf)
    typer.echo(f"{file}: {len(pdf)} bytes")


async def _typeset(receipt: SignedReceipt) -> bytes | None:
    return await Typesetter().pdf(pdf_content(receipt))


def _own_keys(settings: Settings) -> list[str]:
    """The keys of this installation; a missing master key is an error here and is not created."""
    if settings.master_key is None and not (settings.home / KEY_FILE).exists():
        raise typer.BadParameter("there is no master key here: give the public key", param_hint="--key")
    return list(ReceiptKeys(keys_of(settings)).public_keys())


def _keys_from_file(file: Path) -> list[str]:
    try:
        document = json.loads(file.read_bytes())
        return [str(entry["key"]) for entry in document["keys"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise typer.BadParameter(
            f"{file} is not what /receipt/keys answers", param_hint="--keys"
        ) from problem


def _payment_id(text: str) -> UUID:
    try:
        return UUID(text.removeprefix("pay_"))
    except ValueError as problem:
        raise typer.BadParameter(f"{text} is no payment's id") from problem
