"""`ekpay bills notice` and `ekpay bills withdraw`: the paper of a bill that stands here, and its end."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.billers.profiles import profile_of
from ekpay_switch.cli.scrolls.raise_bills import BillerId
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain
from ekpay_switch.domain.scrolls.bill_files import BillStatus
from ekpay_switch.domain.scrolls.bill_notices import BillNotice
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills, RefusedBillError
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.notices.bill_notice import NoticePaper, notice_content
from ekpay_switch.web.notices.typeset import PROGRAM
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.site import read_site

# No number of a bill has a plus, so no two share a file.
_FILE_NAME = str.maketrans("/", "+")


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay bills`."""
    app.command()(notice)
    app.command()(withdraw)


def notice(
    biller_id: BillerId,
    bill_nos: Annotated[list[str], typer.Argument(metavar="BILL_NO...", help="Numbers of unpaid bills.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", file_okay=False, help="Where the PDFs are written.")],
) -> None:
    """Write the notice of each bill as PDF, in Bangla and English, with its code as text and as QR code."""
    session = open_session()
    profile = _office(session, biller_id)

    async def read(_: AsyncEngine) -> Sequence[BillNotice]:
        async with ShortTransactions(session.database.connect) as transactions:
            return await PostgresRaisedBills(transactions).notices(profile.id, bill_nos)

    notices = session.run(read)
    over = [one.stored.bill.bill_key for one in notices if not _is_unpaid(one)]
    if over:
        raise RefusedBillError(f"bill_no: paid or withdrawn: {', '.join(over)}")
    out.mkdir(parents=True, exist_ok=True)
    session.run(lambda _: _write_papers(session, profile, notices, out))


def withdraw(
    biller_id: BillerId,
    bill_no: Annotated[str, typer.Argument(metavar="BILL_NO", help="The office's number of the bill.")],
    reason: Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")],
    by: Annotated[str, typer.Option("--by", help="Who withdraws it, of finance.")],
) -> None:
    """Withdraw an unpaid bill, as if it had never been raised; a payment under way goes back."""

    async def work(session: Session) -> bool:
        profile = _office(session, biller_id)
        async with ShortTransactions(session.database.connect) as transactions:
            return await PostgresRaisedBills(transactions).withdraw(profile.id, bill_no, reason, by)

    is_new = act_as(by, ASKER_VARIABLE, lambda session, _: work(session))
    typer.echo(f"{bill_no} is withdrawn." if is_new else f"{bill_no} was withdrawn before.")


def _office(session: Session, biller_id: str) -> BillerProfile:
    profile = profile_of(session.settings, biller_id)
    if not profile.has_bill_files:
        raise typer.BadParameter(f"{profile.id} keeps its bills itself", param_hint="BILLER")
    return profile


def _is_unpaid(noticed: BillNotice) -> bool:
    return noticed.stored.bill.status is BillStatus.UNPAID and not noticed.stored.is_taken


async def _write_papers(
    session: Session, profile: BillerProfile, notices: Sequence[BillNotice], out: Path
) -> None:
    settings = session.settings
    site, typesetter = read_site(settings.config), Typesetter(command=(sys.executable, "-m", PROGRAM))
    for noticed in notices:
        bill = noticed.stored.bill
        paper = NoticePaper(profile, bill, noticed.code, settings.public_url, site)
        pdf = await typesetter.pdf(notice_content(paper))
        if pdf is None:
            complain(f"{bill.bill_key}: its notice could not be set; nothing more was written")
            raise typer.Exit(1)
        path = out / f"notice-{bill.bill_key.translate(_FILE_NAME)}.pdf"
        path.write_bytes(pdf)
        typer.echo(f"{path}: {paper.link}")
