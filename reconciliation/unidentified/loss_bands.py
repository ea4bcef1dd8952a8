"""What a line of our bank may cost us by two persons: the bands of `config/resolutions.toml`."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconciliation.errors import SettlementError
from reconciliation.unidentified.items import ItemPart

_LOSSES: Final = frozenset({"bank_charges", "write_off"})


def refuse_large_loss(rules: Path, parts: Iterable[ItemPart]) -> None:
    """Refuse parts that come to a loss which more than one person must check.

    Raises:
        SettlementError: the message names the targets and the amount in paisa.
    """
    losing = [part for part in parts if part.account in _LOSSES]
    loss = sum(abs(part.amount) for part in losing)
    bands = tomllib.loads(rules.read_text(encoding="utf-8"))["bands"]
    reached = next(band for band in bands if loss <= band.get("up_to_paisa", loss))
    if losing and reached["checkers"] > 1:
        raise SettlementError(
            f"target: a loss of {loss} paisa takes more checkers than this command has; as the bank's fee it "
            "is decided at the break of the line (ekpay reconcile resolve, bank_fee)"
        )
