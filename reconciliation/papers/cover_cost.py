"""What a shortfall of the trust cover would cost by the rule of `config/trust_cover.toml`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.toml_values import Paisa

FILE_NAME = "trust_cover.toml"
_BASIS_POINTS = 10_000


class ShortfallRule(BaseModel):
    """The rule: interest on the shortfall for each day, up to a maximum, and a fine a day after a while.

    Amounts are whole paisa. `status` says whether the rule is a draft or in force.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: str
    status: Literal["draft", "in_force"]
    source: str = Field(min_length=1)
    yearly_rate_basis_points: int = Field(ge=0, le=_BASIS_POINTS)
    days_in_a_year: Literal[360, 365]
    maximum: Paisa
    grace_days: int = Field(ge=0, le=366)
    daily_fine: Paisa

    def cost(self, shortfall: int, days: int) -> int:
        """What `shortfall` paisa at each of so many day ends costs, in paisa, half a paisa rounded up."""
        year = _BASIS_POINTS * self.days_in_a_year
        interest = (2 * shortfall * self.yearly_rate_basis_points * days + year) // (2 * year)
        return min(interest, self.maximum) + max(0, days - self.grace_days) * self.daily_fine


def read_shortfall_rule(path: Path) -> ShortfallRule | None:
    """The rule of a file; None where there is none.

    Raises:
        ConfigurationError: the file is no valid rule.
    """
    try:
        return ShortfallRule.model_validate(toml_tables(path))
    except FileNotFoundError:
        return None
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
