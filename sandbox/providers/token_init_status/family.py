"""Seven providers with calls for a token, a page and a status; none of them pushes anything."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.dialect_family import Dialect, DialectFamily
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.orders import OrderState
from sandbox.providers.token_init_status import generic_replies
from sandbox.providers.token_init_status.generic import Generic
from sandbox.providers.token_init_status.institutions import FAMILY, INSTITUTIONS
from sandbox.providers.token_init_status.shurjopay import Shurjopay
from sandbox.providers.token_init_status.upay import Upay


class TokenInitStatusFamily(DialectFamily):
    """The institutions, each in the dialect that its data name."""

    name: ClassVar[str] = "TOKEN_INIT_STATUS"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = generic_replies.ERRORS
    dialects: ClassVar[Mapping[str, Dialect]] = MappingProxyType(
        {"generic": Generic(), "upay": Upay(), "shurjopay": Shurjopay()}
    )
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    bearer_prefix: ClassVar[bytes] = b""
    pushes_on: ClassVar[frozenset[OrderState]] = frozenset()
