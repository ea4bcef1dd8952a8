"""The page on which somebody types the code of a text message, and the cookie that says which code it is.

One page for every purpose; its words begin with the name of the purpose (`track_code`, `sign_in_code`).
"""

from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from ekpay_switch.domain.citizens.one_time_codes import CodeCheck, CodeVerdict, typed_code
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie
from ekpay_switch.web.portal.typed_numbers import MISSING, WRONG
from ekpay_switch.web.portal.visits import PortalVisit

# Longer than a code lives, so that its page can say that it is too old.
_COOKIE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class CodeForm:
    """One purpose: its words, the cookie of its code, the page of the code and that of a new request."""

    words: str
    cookie: str
    path: str
    again: str

    def code_id(self, visit: PortalVisit) -> UUID | None:
        """The code that this browser requested; a cookie may hold anything."""
        try:
            return UUID(hex=host_cookie(visit.request, self.cookie, is_https=visit.portal.pages.is_https))
        except ValueError:
            return None

    def remember(self, answer: Response, code_id: UUID, visit: PortalVisit) -> None:
        """Let this browser be the one that may type the code."""
        is_https = visit.portal.pages.is_https
        set_host_cookie(answer, self.cookie, code_id.hex, _COOKIE_SECONDS, is_https=is_https)

    def forget(self, answer: Response, visit: PortalVisit) -> None:
        """Forget the code in this browser."""
        set_host_cookie(answer, self.cookie, "", 0, is_https=visit.portal.pages.is_https)

    def show(self, visit: PortalVisit) -> Response:
        """The form that asks for the code; whoever has requested none begins at the beginning."""
        return visit.redirect(self.again) if self.code_id(visit) is None else self.page(visit)

    async def read(self, visit: PortalVisit) -> tuple[UUID, str] | Response:
        """The code's id and what was typed, or the page that says what is wrong with the form."""
        sent = await visit.own_fields()
        if sent is None:
            return visit.notice("foreign", 403, link=self.again)
        code_id = self.code_id(visit)
        if code_id is None:
            return visit.redirect(self.again)
        typed = sent.get("code", "").strip()
        code = typed_code(typed)
        return (code_id, code) if code else self.page(visit, WRONG if typed else MISSING, status=422)

    async def refusal(self, visit: PortalVisit, check: CodeCheck) -> Response:
        """The page after a code that was not the right one, which is counted."""
        if not await visit.portal.logins.may_go_on(address_of(visit.request), "wrong_code"):
            return visit.notice("busy", 429, link=self.path)
        if check.verdict is CodeVerdict.DEAD:
            return visit.notice("code_dead", 422, link=self.again)
        return self.page(visit, "tries_left", check.tries_left, status=422)

    def page(
        self, visit: PortalVisit, fault: str = "", tries_left: int = 0, *, status: int = 200
    ) -> Response:
        """The form that asks for the code."""
        values = {
            "texts": self.words,
            "code_path": self.path,
            "again": self.again,
            "fault": fault,
            "tries_left": tries_left,
            "inbox": visit.portal.inbox,
        }
        return visit.form_page("code.html", values, status)
