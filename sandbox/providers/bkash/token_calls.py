"""The calls that give out tokens: grant and refresh."""

from dataclasses import dataclass
from hmac import compare_digest

from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.providers.bkash import replies, tokens
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.shared_state import V1, BkashSharedState, Envelopes, FaultTarget
from sandbox.providers.bkash.wire import id_field


@dataclass(frozen=True)
class TokenCalls:
    """Answers these calls; each runs to its end before the next begins."""

    shared: BkashSharedState
    envelopes: Envelopes = V1

    def grant(self, form: Form) -> Reply:
        """Give out a pair of tokens for the right app; the one too many blocks the app for an hour."""
        return self._grant_with_fault(form, "")

    def refresh(self, form: Form) -> Reply:
        """Give out a new pair for a living refresh token; it counts as a grant."""
        return self._grant_with_fault(form, id_field(form, "refresh_token") or "-")

    def _grant_with_fault(self, form: Form, refresh_token: str) -> Reply:
        return self.shared.apply_fault(
            FaultTarget(BkashStep.GRANT),
            self.envelopes,
            lambda fault: self._grant(form, refresh_token, fault),
        )

    def _grant(self, form: Form, refresh_token: str, fault: BkashFault | None) -> Reply:
        settings, book, now = self.shared.settings, self.shared.book, self.shared.clock.now()
        secret = settings.app_secret.get_secret_value().encode()
        if id_field(form, "app_key") != settings.app_key:
            return self.envelopes.refusal_reply("2001")
        if not compare_digest((id_field(form, "app_secret") or "").encode(), secret):
            return replies.ERRORS.unauthorised
        if fault is BkashFault.REFUSE or (refresh_token and not book.tokens.may_refresh(refresh_token, now)):
            return replies.ERRORS.unauthorised
        if 0 < settings.grants_an_hour <= book.tokens.grants_within_an_hour(now):
            self.shared.block_app()
            return replies.APP_BLOCKED
        pair = tokens.grant_event(now)
        book.record(pair)
        return self.envelopes.success_reply(
            id_token=pair["id_token"],
            token_type="Bearer",  # noqa: S106 - the name of a scheme
            expires_in=tokens.TOKEN_SECONDS,
            refresh_token=pair["refresh_token"],
        )
