"""The offices and taxes of this family, from `institutions.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from sandbox.billers.challan.challan_list import CHALLAN_LAYOUT
from sandbox.kit.biller.bills import WHOLE_BP, SimulatedBill
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.institution_file import load_institutions
from sandbox.kit.institution.seeded_values import share_half_up

FAMILY = "challan"
FEE_KEY = "fee_key"
"""What an e-passport's fee depends on, three parameters in one: `48-5-regular`."""

_VAT_CODE = "1141101"


class EconomicHead(NamedTuple):
    """One economic code, and its share of what is left after VAT, in basis points."""

    economic_code: str
    title: str
    share_bp: int = WHOLE_BP


class EconomicHeadAmount(NamedTuple):
    """One economic code and what a demand has for it, in paisa."""

    economic_code: str
    title: str
    paisa: int


@dataclass(frozen=True, kw_only=True)
class TreasuryInstitution(BillerInstitution):
    """An office or a tax, with its account of the treasury and the heads of its fee.

    The last head takes what the others leave. `is_demanded`: the office says what is to be paid, and
    the payment names its demand. `other_forms` are further ways to write a parameter that names an
    account. An institution that says `takes_any_head` takes whatever economic code a payer states.
    """

    organization_code: str
    heads: tuple[EconomicHead, ...]
    is_demanded: bool = True
    takes_any_head: bool = False
    other_forms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def heads_of(self, bill: SimulatedBill) -> tuple[EconomicHeadAmount, ...]:
        """Return what a demand has for each head; the sum is the bill's amount."""
        net = bill.base_paisa - bill.vat_paisa
        amounts = [share_half_up(net, head.share_bp, WHOLE_BP) for head in self.heads[:-1]]
        amounts.append(net - sum(amounts))
        heads = [
            EconomicHeadAmount(head.economic_code, head.title, paisa)
            for head, paisa in zip(self.heads, amounts, strict=True)
        ]
        return (
            (*heads, EconomicHeadAmount(_VAT_CODE, "VAT", bill.vat_paisa)) if bill.vat_paisa else tuple(heads)
        )

    @property
    def economic_codes(self) -> frozenset[str]:
        """The codes that a payment to this institution may carry, VAT among them."""
        return frozenset({head.economic_code for head in self.heads} | {_VAT_CODE})

    def normalise_parameters(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return a payer's parameters with other forms of a number written as the institution knows it."""
        known = dict(texts)
        for name, template in self.other_forms.items():
            serial = self.serial_in(template, known.get(name, "").replace("-", ""))
            if serial is not None:
                known[name] = self.number_of(serial)
        return known


INSTITUTIONS = load_institutions(
    Path(__file__).with_name("institutions.toml"),
    FAMILY,
    TreasuryInstitution,
    layouts={"challans": CHALLAN_LAYOUT},
)
