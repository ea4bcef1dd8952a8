"""Prefunded utilities in the demo: two persons book a deposit, and its balance is checked afterwards."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.day.bank_transfers import note_transfer
from sandbox.rehearsals.demo.comparison.biller_books import COMPLETED, Disagreement, OurLine
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand, run_few_at_once
from sandbox.rehearsals.installation.parties import Parties

DEPOSIT_TAKA = 1_000_000
_PAISA = 100


async def fill_deposits(tool: EkpayCommand, cast: Parties) -> Mapping[str, int]:
    """Book a transfer to every prefunded utility; return the amounts in paisa.

    Raises:
        CommandFailedError: the switch refused one.
    """
    listed = await tool.read("billers", "list", "--json")
    prefunded = [biller["id"] for biller in listed if biller["pays_from_deposit"]]
    await run_few_at_once(partial(_deposit, tool, cast), prefunded)
    return dict.fromkeys(prefunded, DEPOSIT_TAKA * _PAISA)


async def _deposit(tool: EkpayCommand, cast: Parties, biller_id: str) -> None:
    asking, approving = cast.staff
    reference = f"DEMO-{secrets.token_hex(6)}"
    if tool.home_folder is not None:
        note_transfer(tool.home_folder, reference, -DEPOSIT_TAKA * _PAISA)
    await tool.run(
        "billers", "deposit", biller_id, str(DEPOSIT_TAKA),
        "--reference", reference,
        "--by", asking.name, "--approved-by", approving.name,
        EKPAY_STAFF_PASSPHRASE=asking.passphrase, EKPAY_APPROVER_PASSPHRASE=approving.passphrase,
    )  # fmt: skip


async def deposit_paisa(tool: EkpayCommand) -> Mapping[str, int]:
    """The balance at each prefunded utility by the switch's books, in paisa."""
    listed = await tool.read("billers", "deposits", "--json")
    return {deposit["biller_id"]: deposit["balance_paisa"] for deposit in listed}


def deposit_faults(
    deposits: Mapping[str, int], balances: Mapping[str, int], ours: Sequence[OurLine]
) -> Iterable[Disagreement]:
    """Deposits whose balance is not the transfers less the deliveries."""
    for biller_id, paisa in deposits.items():
        delivered = sum(
            line.owed_paisa or 0 for line in ours if (line.biller, line.state) == (biller_id, COMPLETED)
        )
        if balances.get(biller_id) != paisa - delivered:
            problem = (
                f"{lakh(balances.get(biller_id, 0))} taka are left there, {lakh(paisa - delivered)} are right"
            )
            yield Disagreement(f"deposit at {biller_id}", problem)
