"""Following a payment without an account: its number, the mobile number of its payer, and a code sent there.

Nothing here says whether a payment or a number is known: whoever asks gets a code to type, and only where
the two belong together was one sent (T35).
"""

import string
from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch.domain.citizens.one_time_codes import CODE_DIGITS, LIFE, CodeCheck, CodePurpose
from ekpay_switch.domain.citizens.text_messages import MessageKind, code_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.ports.citizens import CitizenPorts, NewCode, NewTextMessage
from ekpay_switch.security.identifiers import random_text, uuid7


@dataclass(frozen=True, slots=True)
class TrackingRequest:
    """Who wants to follow which payment; `replaces` is the code that this browser requested before."""

    payment_number: str
    number: str = field(repr=False)
    address: str
    language: PayerLanguage
    replaces: UUID | None = None


async def request_tracking(request: TrackingRequest, citizens: CitizenPorts) -> UUID | None:
    """The id of the code that opens the payment's page, whether it exists or not; None: too many requests."""
    if not await citizens.limits.allow(request.address, request.number):
        return None
    subject = await citizens.contacts.cart_of(request.payment_number, request.number)
    code = random_text(string.digits, CODE_DIGITS)
    new = NewCode(uuid7(), CodePurpose.TRACK, subject, code, request.replaces)
    message = None
    if subject is not None:
        text = code_text(code, citizens.portal_names[request.language], request.language)
        message = NewTextMessage(uuid7(), MessageKind.CODE, request.number, text, LIFE)
    await citizens.codes.issue(new, message)
    return new.code_id


async def open_tracking(code_id: UUID, code: str, citizens: CitizenPorts) -> CodeCheck:
    """Try the code; a right one's subject is the reference of the cart."""
    return await citizens.codes.check(code_id, CodePurpose.TRACK, code)
