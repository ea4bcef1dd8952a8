"""An institution: one simulated provider of a family, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settlement_file import COMMON_LAYOUT, SettlementLayout


class ProviderDataError(ValueError):
    """The data of an institution contradict each other."""


@dataclass(frozen=True, slots=True)
class RefundRules:
    """What can be given back: at most `parts_max` refunds a payment, the whole only unless `is_partial`.

    After `days` nothing is given back any more. `is_fee_returned` says whether the provider gives its fee
    back with the money, in proportion.
    """

    parts_max: int = 1
    is_partial: bool = False
    days: int = 180
    is_fee_returned: bool = False


@dataclass(frozen=True, kw_only=True)
class ProviderInstitution:
    """One simulated provider.

    Shares are in basis points: `fee_bp` of what was paid, `fee_vat_bp` of that fee; both are kept back when
    the institution settles. `page_seconds` is how long a payer has. `push_seconds` are the waits after each
    push that was not taken; when they are used up the institution gives up until it is started again. Without
    `refunds` nothing is given back. `takes_at_page` is false where the payer only agrees and the merchant's
    own call takes the money. `family_data` is what only its family reads.

    Raises:
        ImpossibleHouseError: a share or a time cannot be.
    """

    id: str
    name: Text
    family: str
    kind: PayerKind = PayerKind.WALLET
    colour: str = "#444"
    fee_bp: int = 150
    fee_vat_bp: int = 0
    page_seconds: int = 1_800
    push_seconds: tuple[int, ...] = (60, 300, 900, 3_600, 7_200, 14_400)
    refunds: RefundRules | None = field(default_factory=RefundRules)
    takes_at_page: bool = True
    layout: SettlementLayout = COMMON_LAYOUT
    family_data: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        is_share = 0 <= self.fee_bp <= _WHOLE_BP and 0 <= self.fee_vat_bp <= _WHOLE_BP
        if not is_share or self.page_seconds <= 0 or any(wait < 0 for wait in self.push_seconds):
            raise ProviderDataError(f"{self.id} has a share or a time that cannot be")
        if self.refunds is not None and self.refunds.parts_max < 1:
            raise ProviderDataError(f"{self.id} gives back in no parts at all")


_WHOLE_BP = 10_000
