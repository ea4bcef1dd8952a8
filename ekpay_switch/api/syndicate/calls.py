"""What every endpoint of the syndicate API shares: what it needs, who calls, the envelope, plain refusals."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.strict_json import MalformedJsonError, parse_object
from ekpay_switch.api.syndicate.codes import MESSAGES, REFUSALS, TOKEN_MISSING
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.fetch_limits import FetchLimits
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.world import (
    Enquiries,
    Partner,
    PartnerDirectory,
    Permits,
    World,
)
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.envelope import EnvelopeError, open_envelope


@dataclass(slots=True)
class SyndicateApi:
    """What the endpoints need; `tasks` keeps the payments whose callers have disconnected."""

    world: World
    partners: PartnerDirectory
    enquiries: Enquiries
    tokens: AccessTokens
    answer_seconds: float
    logins: LoginWatch
    token_permits: Permits
    questions: RateLimit
    fetches: FetchLimits
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)


@dataclass(frozen=True, slots=True)
class SyndicateCall:
    """An authenticated request with its envelope open; `secret` opened it and closes the answer."""

    partner: Partner
    secret: bytes
    message: dict[str, Any]


class PlainError(Exception):
    """An answer that is given before anything could be decrypted: plain JSON with an HTTP status."""

    def __init__(self, status: int, code: str, retry_after_seconds: int = 0, fault: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.retry_after_seconds = status, code, retry_after_seconds
        self.fault = fault

    def response(self) -> Response:
        """The answer itself."""
        headers = {"Retry-After": str(self.retry_after_seconds)} if self.retry_after_seconds else None
        text = MESSAGES[self.code]
        text = f"{text}: {self.fault}" if self.fault else text
        return plain_answer(self.status, {"resp_cd": self.code, "resp_msg": text}, headers)


def plain_answer(status: int, body: Mapping[str, str], headers: dict[str, str] | None = None) -> Response:
    """An answer that is not encrypted."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


async def authenticate(request: Request, syndicate: SyndicateApi) -> Partner:
    """The partner of the token.

    Raises:
        PlainError: 2002, there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    grant = syndicate.tokens.read(token) if scheme.lower() == "bearer" else None
    if grant is None or grant.expires_at <= syndicate.world.clock.now():
        raise PlainError(401, TOKEN_MISSING)
    partner = await syndicate.partners.by_id(grant.partner_id, grant.generation)
    if partner is None or not partner.is_active or partner.generation != grant.generation:
        raise PlainError(401, TOKEN_MISSING)
    return partner


async def open_call(request: Request, partner: Partner) -> SyndicateCall:
    """Decrypt and read the message.

    What cannot be decrypted is answered in plain text, since the caller may not hold the key; a message that
    is no JSON is answered encrypted, as malformed, by its handler.
    """
    plain, secret = _open_with_secret(await request.body(), partner)
    try:
        return SyndicateCall(partner, secret, parse_object(plain))
    except MalformedJsonError:
        return SyndicateCall(partner, secret, {})


def _open_with_secret(body: bytes, partner: Partner) -> tuple[bytes, bytes]:
    """The plaintext and the secret that opened it: during an overlap a caller may hold the old one alone."""
    for secret in partner.secrets:
        with contextlib.suppress(EnvelopeError):
            return open_envelope(body, (secret,)), secret
    raise malformed_error("the body is no JWE that a key of this partner opens")


def malformed_error(fault: str) -> PlainError:
    """2001 before anything could be decrypted."""
    return PlainError(400, REFUSALS[Refusal.MALFORMED], fault=fault)
