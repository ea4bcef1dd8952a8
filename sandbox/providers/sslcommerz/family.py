"""The family of SSLCommerz and aamarPay; what each of them says stands in `v4` and in `aamarpay`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.dialect_family import Dialect, DialectFamily
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerKindRow
from sandbox.providers.sslcommerz.aamarpay import Aamarpay
from sandbox.providers.sslcommerz.admin_api import SslcommerzAdminApi
from sandbox.providers.sslcommerz.institutions import AAMARPAY, FAMILY, INSTITUTIONS, OWN_KINDS, SSLCOMMERZ
from sandbox.providers.sslcommerz.v4 import SslcommerzV4


class SslcommerzFamily(DialectFamily):
    """SSLCommerz and aamarPay."""

    name: ClassVar[str] = "SSLCOMMERZ"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = SslcommerzV4.errors
    dialects: ClassVar[Mapping[str, Dialect]] = MappingProxyType(
        {SSLCOMMERZ: SslcommerzV4(), AAMARPAY: Aamarpay()}
    )
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    own_kinds: ClassVar[tuple[PayerKindRow, ...]] = OWN_KINDS

    @override
    def admin_api(self) -> SslcommerzAdminApi:
        return SslcommerzAdminApi(self)
