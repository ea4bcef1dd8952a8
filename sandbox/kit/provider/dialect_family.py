"""Families whose institutions speak several dialects: one class a dialect, the rest is data."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage, ProviderFamily
from sandbox.kit.provider.hooks import (
    BrowserReturn,
    OpenProvider,
    OutcomeMessage,
    Push,
    is_success_status,
    random_text,
)
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.orders import NewOrder, ProviderOrder
from sandbox.kit.provider.provider import Provider

DIALECT = "dialect"
"""The member of an institution's `family_data` that names its dialect."""


class Dialect(ABC):
    """How some institutions of a family speak; each method gets the institution that asks.

    The methods mean what those of the same name of `ProviderFamily` and `FamilyHooks` mean.
    """

    errors: ClassVar[Errors]

    @abstractmethod
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return the calls of an institution."""

    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:  # noqa: ARG002
        """Return where the payer's page is found beside `page/<token>`; nowhere by default."""
        return ()

    def is_admitted(self, provider: Provider, request: Request) -> bool:  # noqa: ARG002
        """Whether a call that needs a login carries it; always by default."""
        return True

    @abstractmethod
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return where the payer's browser goes after the page; None leaves it there."""

    def push(
        self,
        provider: OpenProvider,  # noqa: ARG002
        order: ProviderOrder,  # noqa: ARG002
        message: OutcomeMessage,  # noqa: ARG002
    ) -> Push | None:
        """Return what is pushed about an order; nothing by default."""
        return None

    def is_push_accepted(self, status: int, body: bytes) -> bool:  # noqa: ARG002
        """Whether the merchant's answer to a push means that it need not be sent again."""
        return is_success_status(status)

    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:  # noqa: ARG002
        """Return the institution's reference for a new order; unique within the institution."""
        return random_text(20)

    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:  # noqa: ARG002
        """Return the id of a payment, a failed try or a refund; unique within the institution."""
        return random_text(10)

    @abstractmethod
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        """Return what a switch has to know beside the address, by its name in `EKPAY_<ID>_<NAME>`."""


class DialectFamily(ProviderFamily):
    """A family that hands every call to the dialect that the data of its institution name."""

    dialects: ClassVar[Mapping[str, Dialect]]

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return self._dialect_of(provider.institution).institution_calls(provider)

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        own = self._dialect_of(provider.institution).institution_pages(provider)
        return (*super().institution_pages(provider), *own)

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        return self._dialect_of(provider.institution).is_admitted(provider, request)

    @override
    def errors_of(self, institution: ProviderInstitution) -> Errors:
        return self._dialect_of(institution).errors

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        return self._dialect_of(provider.institution).browser_return(provider, order, message)

    @override
    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:
        return self._dialect_of(provider.institution).push(provider, order, message)

    @override
    def is_push_accepted(self, provider: OpenProvider, status: int, body: bytes) -> bool:
        return self._dialect_of(provider.institution).is_push_accepted(status, body)

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return self._dialect_of(provider.institution).new_provider_reference(provider, new)

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return self._dialect_of(provider.institution).new_transaction_id(provider, order)

    @classmethod
    @override
    def secrets_for_switch(cls, institution: ProviderInstitution, password: str) -> Mapping[str, str]:
        return cls._dialect_of(institution).secrets_for_switch(password)

    @classmethod
    def _dialect_of(cls, institution: ProviderInstitution) -> Dialect:
        return cls.dialects[institution.family_data[DIALECT]]
