"""Signing in by a code: for the account of a citizen and for the desk of an agent.

Whatever number is typed, a code is sent and the next page is the same (T35). A right code begins a session
under a new secret, whatever the browser had before (T42).
"""

from dataclasses import dataclass

from starlette.responses import Response

from ekpay_switch.domain.citizens.accounts import device_name
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.citizens.sign_in import SignInRequest, SignInTry, request_sign_in, sign_in
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.code_forms import CodeForm
from ekpay_switch.web.portal.session_cookie import remember_session, session_secret
from ekpay_switch.web.portal.typed_numbers import MISSING, WRONG, TypedContact, typed_contact
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit


@dataclass(frozen=True, slots=True)
class SignInPages:
    """The pages that lead to one page for whoever is signed in: `home`, and what the code is asked for by."""

    home: str
    code: CodeForm

    async def send_number(self, visit: PortalVisit, citizens: CitizenPorts) -> Response:
        """Have a code sent to the number that was typed, and ask for it."""
        sent = await visit.own_fields()
        if sent is None:
            return visit.notice("foreign", 403, link=self.home)
        typed = typed_contact(sent)
        if LANGUAGE_BUTTON in sent:
            return self.page(visit, TypedContact(typed.typed))
        if not typed.number:
            fault = WRONG if typed.typed else MISSING
            return self.page(visit, TypedContact(typed.typed, fault=fault), 422)
        return await self.request_code(visit, citizens, typed.number)

    async def show_code(self, visit: PortalVisit, _: CitizenPorts) -> Response:
        """The form that asks for the code."""
        return self.code.show(visit)

    async def send_code(self, visit: PortalVisit, citizens: CitizenPorts) -> Response:
        """Sign in by a right code; a wrong one may be corrected a few times."""
        typed = await self.code.read(visit)
        if isinstance(typed, Response):
            return typed
        code_id, code = typed
        device = device_name(visit.request.headers.get("user-agent", ""))
        secret = session_secret(visit.request, is_https=visit.portal.pages.is_https)
        tried = SignInTry(code_id, code, PayerLanguage(visit.words.language), device, secret)
        answer = await sign_in(tried, citizens)
        if not answer.secret:
            return await self.code.refusal(visit, answer.check)
        redirect = visit.redirect(self.home)
        remember_session(redirect, answer.secret, is_https=visit.portal.pages.is_https)
        self.code.forget(redirect, visit)
        return redirect

    async def request_code(self, visit: PortalVisit, citizens: CitizenPorts, number: str) -> Response:
        """Send a code to a number, and lead to the form that asks for it."""
        request = SignInRequest(
            number=number,
            address=address_of(visit.request),
            language=PayerLanguage(visit.words.language),
            replaces=self.code.code_id(visit),
        )
        code_id = await request_sign_in(request, citizens)
        if code_id is None:
            return visit.notice("codes_busy", 429, link=self.home)
        answer = visit.redirect(self.code.path)
        self.code.remember(answer, code_id, visit)
        return answer

    def page(self, visit: PortalVisit, typed: TypedContact, status: int = 200) -> Response:
        """The form that asks for a number."""
        return visit.form_page("sign_in.html", {"contact": typed, "home": self.home}, status)
