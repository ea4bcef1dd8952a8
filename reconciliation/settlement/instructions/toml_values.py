"""Values that rows of config/settlement.toml share."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from reconciliation.statement.values.amounts import paisa_of_decimal

_TAKA: Final = re.compile(r"[0-9]{1,13}\.[0-9]{2}", re.ASCII)


class StrictRow(BaseModel):
    """A row that is refused with any member that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _paisa(text: object) -> int:
    amount = paisa_of_decimal(text) if isinstance(text, str) and _TAKA.fullmatch(text) else None
    if amount is None:
        raise ValueError(f"{text!r} is no amount of taka with two decimals")
    return amount


Paisa = Annotated[int, BeforeValidator(_paisa)]
