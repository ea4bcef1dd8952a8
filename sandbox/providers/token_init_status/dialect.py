"""What the three dialects of this family share."""

from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.provider.dialect_family import Dialect
from sandbox.kit.provider.provider import Provider


class TokenDialect(Dialect):
    """A dialect whose calls bring a token in the header Authorization."""

    scheme: ClassVar[str]
    """What stands before the token in the header."""

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        """Whether the header Authorization brings a living token.

        The prefix of the kit's own tokens is one for a whole family, so it is empty there and looked at here.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == self.scheme and is_living_token(provider, token)


def is_living_token(provider: Provider, token: object) -> bool:
    """Whether this is a living token of the institution."""
    return isinstance(token, str) and provider.bearers.admits(token.encode(), provider.clock.now())
