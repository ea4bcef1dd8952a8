"""Four gateways of three banks behind one port, each in its dialect."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from sandbox.kit.institution.replies import Errors, error_reply
from sandbox.kit.provider.dialect_family import Dialect, DialectFamily
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import MoneyOutcome, PayerBehaviour, PayerKindRow
from sandbox.kit.provider.orders import OrderState
from sandbox.providers.bank_redirect import dbbl, spg
from sandbox.providers.bank_redirect.city import City
from sandbox.providers.bank_redirect.institutions import FAMILY, INSTITUTIONS


class BankRedirectFamily(DialectFamily):
    """Banks with a gateway of their own."""

    name: ClassVar[str] = "Bank gateways"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = Errors(error_reply)
    dialects: ClassVar[Mapping[str, Dialect]] = MappingProxyType(
        {"dbbl": dbbl.Dbbl(), "spg": spg.Spg(), "city": City()}
    )
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    # City Bank's token stands in a body, where nothing is before it.
    bearer_prefix: ClassVar[bytes] = b""
    # Sonali alone pushes, and only that something was paid; a declined one may be pushed as if it were.
    pushes_on: ClassVar[frozenset[OrderState]] = frozenset({OrderState.PAID, OrderState.DECLINED})
    own_kinds: ClassVar[tuple[PayerKindRow, ...]] = (
        PayerKindRow(
            90,
            "bad_hmac",
            "paid, and every result is wrongly signed (DBBL, Rocket)",
            PayerBehaviour(facts={dbbl.BAD_HMAC: "yes"}),
        ),
        PayerKindRow(
            91,
            "failed_by_error",
            "not paid, and the result is FAILED 911, which settles nothing (DBBL, Rocket)",
            PayerBehaviour(money=MoneyOutcome.DECLINED, reason="error"),
        ),
        PayerKindRow(
            92,
            "charges_on_top",
            "paid, with commission and VAT of the bank over the total (Sonali)",
            PayerBehaviour(facts={spg.COMMISSION: "1000", spg.VAT: "150"}),
        ),
    )
