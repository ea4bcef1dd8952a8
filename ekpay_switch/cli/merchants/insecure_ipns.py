"""`ekpay merchants insecure-ipns`: IPNs over plain http, which two persons of finance decide."""

import typer

from ekpay_switch.cli.merchants.finance_persons import By, PartnerId, carry_out, of_merchant
from ekpay_switch.persistence.merchants.insecure_ipns import InsecureIpns

app = typer.Typer(help="IPNs over plain http: asked for by one person, approved by another.")

_WARNING = (
    "Anybody between us and the merchant may read these IPNs, with the names of its customers, and write "
    "others.\nThe merchant must check the signature or ask get-status before it acts on one."
)


@app.command()
def ask(partner_id: PartnerId, by: By) -> None:
    """Ask for IPNs over plain http to the hosts that a merchant has listed."""
    carry_out(by, of_merchant(partner_id, lambda engine, of: InsecureIpns(engine).ask(of, by)))
    typer.echo(
        f"{_WARNING}\nAnother person of finance has to approve it: ekpay merchants insecure-ipns approve."
    )


@app.command()
def approve(partner_id: PartnerId, by: By) -> None:
    """Approve what another person has asked for; holds until the merchant's hosts change."""
    carry_out(by, of_merchant(partner_id, lambda engine, of: InsecureIpns(engine).approve(of, by)))
    typer.echo(f"IPNs of {partner_id} may go over plain http.\n{_WARNING}")


@app.command()
def forbid(partner_id: PartnerId, by: By) -> None:
    """Send a merchant's IPNs over https alone again; orders that name another address lose their IPN."""
    carry_out(by, of_merchant(partner_id, lambda engine, of: InsecureIpns(engine).forbid(of, by)))
    typer.echo(f"IPNs of {partner_id} go over https alone.")
