"""What the operator's owners pay in, so that deposits at utilities are not paid with money of others."""

import secrets

from sandbox.rehearsals.day.bank_transfers import note_transfer
from sandbox.rehearsals.demo.deciding.finance_desk import FinanceDesk
from sandbox.rehearsals.demo.deciding.played_doors import approved
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.parties import Parties

_ROOM_TAKA = 1_000_000
"""Beyond the deposits: for what a connector has not paid yet, and for our losses."""
_PAISA = 100


async def pay_in_capital(tool: EkpayCommand, parties: Parties, deposits_paisa: int) -> int:
    """Pay in what the deposits take and a reserve; two persons book the bank's line. Returns the paisa.

    Raises:
        CommandFailedError: the switch refused it.
        NothingWaitsError: it was not carried out.
    """
    first, second, *_ = parties.staff
    desk = FinanceDesk(tool, first, second)
    taka = deposits_paisa // _PAISA + _ROOM_TAKA
    reference = f"OWNERS-{secrets.token_hex(6)}"
    if tool.home_folder is not None:
        note_transfer(tool.home_folder, reference, taka * _PAISA)
    postings = (f"settlement_bank={taka}.00", f"own_funds=-{taka}.00")
    proposal = await desk.propose_journal(postings, "our owners have paid in", reference)
    await approved(desk, proposal, reference)
    return taka * _PAISA
