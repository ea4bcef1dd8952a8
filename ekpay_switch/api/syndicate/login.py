"""get-token: a partner's pass key for a token of an hour."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.strict_json import MalformedJsonError, parse_object
from ekpay_switch.api.syndicate import answers
from ekpay_switch.api.syndicate.calls import PlainError, SyndicateApi, malformed_error, plain_answer
from ekpay_switch.api.syndicate.codes import DONE, MESSAGES, REFUSALS, TOO_MANY
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.ports.world import Partner, PartnerDirectory
from ekpay_switch.security.pass_keys import pass_key_matches

TOKEN_SECONDS = 3600


def token_endpoint(syndicate: SyndicateApi) -> Callable[[Request], Awaitable[Response]]:
    """The handler of get-token."""

    async def get_token(request: Request) -> Response:
        try:
            return await _token(request, syndicate)
        except PlainError as error:
            telemetry.HTTP_REQUESTS.labels("get-token", error.status).inc()
            return error.response()

    return get_token


async def _partner_of(user_id: str, pass_key: str, partners: PartnerDirectory) -> Partner | None:
    """The active partner that knows its pass key, as both are now."""
    partner = await partners.by_user_id(user_id) if user_id.isprintable() else None
    is_right = pass_key_matches(pass_key, partner.pass_key_hash if partner else None)
    return partner if partner is not None and is_right and partner.is_active else None


async def _token(request: Request, syndicate: SyndicateApi) -> Response:
    """get-token: six members exactly, since clients count them; a wrong pass key answers two."""
    try:
        message = parse_object(await request.body())
    except MalformedJsonError as error:
        raise malformed_error("the body is no JSON object") from error
    user_id, pass_key = message.get("user_id"), message.get("pass_key")
    if not isinstance(user_id, str):
        raise malformed_error("user_id is missing or no text")
    if not isinstance(pass_key, str):
        raise malformed_error("pass_key is missing or no text")
    partner = await _partner_of(user_id, pass_key, syndicate.partners)
    if partner is None:
        # Whoever is wrong waits, and nobody else: a right pass key is never counted among the failures.
        if not await syndicate.logins.may_go_on(address_of(request), "wrong_key", user_id):
            raise PlainError(429, TOO_MANY, 5)
        raise PlainError(401, REFUSALS[Refusal.NOT_ALLOWED])
    if not await syndicate.token_permits.take(partner.id, partner.tokens_per_second):
        raise PlainError(429, TOO_MANY, 1)
    now = syndicate.world.clock.now()
    expires_at = now + timedelta(seconds=TOKEN_SECONDS)
    telemetry.HTTP_REQUESTS.labels("get-token", 200).inc()
    return plain_answer(
        200,
        {
            "security_token": syndicate.tokens.issue(partner.id, partner.generation, expires_at),
            "token_exp_time": f"{TOKEN_SECONDS}s",
            "token_type": "Bearer",
            "resp_cd": DONE,
            "resp_msg": MESSAGES[DONE],
            "ack_timestamp": answers.stamp(now),
        },
    )
