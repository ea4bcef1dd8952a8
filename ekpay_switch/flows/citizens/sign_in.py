"""Registering and signing in, which are one: a mobile number and a code sent there.

Every number gets a code, and the next page is the same for each, so nobody learns which numbers have an
account (T35).
"""

import string
from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch.domain.citizens.one_time_codes import (
    CODE_DIGITS,
    LIFE,
    CodeCheck,
    CodePurpose,
    CodeVerdict,
)
from ekpay_switch.domain.citizens.text_messages import MessageKind, code_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.ports.citizens import CitizenPorts, NewCode, NewSession, NewTextMessage
from ekpay_switch.security.identifiers import random_text, unguessable, uuid7


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """Who wants to sign in; `replaces` is the code that this browser requested before."""

    number: str = field(repr=False)
    address: str
    language: PayerLanguage
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class SignInTry:
    """A typed code, and the browser that typed it; `secret` is that of its session so far, or empty."""

    code_id: UUID
    code: str = field(repr=False)
    language: PayerLanguage
    device: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignInAnswer:
    """What became of a typed code; `secret` is that of the new session, empty where there is none."""

    check: CodeCheck
    secret: str = field(default="", repr=False)


async def request_sign_in(request: SignInRequest, citizens: CitizenPorts) -> UUID | None:
    """The id of the code that was sent to the number; None: too many requests."""
    if not await citizens.limits.allow(request.address, request.number):
        return None
    code = random_text(string.digits, CODE_DIGITS)
    new = NewCode(uuid7(), CodePurpose.SIGN_IN, request.number, code, request.replaces)
    text = code_text(code, citizens.portal_names[request.language], request.language)
    await citizens.codes.issue(new, NewTextMessage(uuid7(), MessageKind.CODE, request.number, text, LIFE))
    return new.code_id


async def sign_in(tried: SignInTry, citizens: CitizenPorts) -> SignInAnswer:
    """Begin a session under a new secret where the code is right; the browser's session so far ends then.

    If the process dies after the code was used, nobody is signed in, and its owner requests another.
    """
    check = await citizens.codes.check(tried.code_id, CodePurpose.SIGN_IN, tried.code)
    if check.verdict is not CodeVerdict.RIGHT:
        return SignInAnswer(check)
    new = NewSession(
        session_id=uuid7(),
        citizen_id=uuid7(),
        secret=unguessable(),
        number=check.subject,
        language=tried.language,
        device=tried.device,
        instead_of=tried.secret,
    )
    await citizens.accounts.sign_in(new)
    return SignInAnswer(check, new.secret)
