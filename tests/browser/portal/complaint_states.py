"""Complaints of payers in every state of their pages."""

from tests.browser.portal.shown_portal import PortalStates
from tests.fakes.complaints import FakeComplaints
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import PortalStand

COMPLAINTS = PortalStates()
_DAY = 86_400.0
_WORDS = "২ তারিখে বিকাশে বিল দিয়েছি।\n\nডেসকোর অফিসে গিয়েছিলাম, তারা বলছে কোনো টাকা পায়নি।"
_ANSWER = "ডেসকো বিলটি ২ ডিসেম্বর তারিখে পেয়েছে, তাদের রসিদ নম্বর 7781203। এই নম্বরটি অফিসে দেখান।"


@COMPLAINTS.add
async def portal_complain(stand: PortalStand) -> str:
    return f"{await _paid(stand)}/complain"


@COMPLAINTS.add
async def portal_complain_wrong(stand: PortalStand) -> Seen:
    path = f"{await _paid(stand)}/complain"
    return await stand.press(await stand.browser.get(path), path, words="")


@COMPLAINTS.add
async def portal_complaints_none(stand: PortalStand) -> str:
    return f"{await _paid(stand)}/complaints"


@COMPLAINTS.add
async def portal_complaint_waits(stand: PortalStand) -> str:
    return f"{await _complained(stand)}/complaints"


@COMPLAINTS.add
async def portal_complaint_of_a_payment(stand: PortalStand) -> str:
    return await _complained(stand)


@COMPLAINTS.add
async def portal_complaint_late(stand: PortalStand) -> str:
    path = await _complained(stand)
    stand.scene.small.clock.pass_by(8 * _DAY)
    return f"{path}/complaints"


@COMPLAINTS.add
async def portal_complaint_answered(stand: PortalStand) -> str:
    return f"{await _answered(stand)}/complaints"


@COMPLAINTS.add
async def portal_complaint_again_wrong(stand: PortalStand) -> Seen:
    path = f"{await _answered(stand)}/complaints"
    return await stand.press(await stand.browser.get(path), path, words=" ")


@COMPLAINTS.add
async def portal_complaint_escalated(stand: PortalStand) -> str:
    path = f"{await _answered(stand)}/complaints"
    await stand.press(await stand.browser.get(path), path, words="অফিসে নম্বরটি দেখিয়েছি, তারা মানছে না।")
    return path


@COMPLAINTS.add
async def portal_complaints_many(stand: PortalStand) -> Seen:
    path = await _complained(stand)
    seen = await _complain(stand, path)
    while seen.status != 409:
        seen = await _complain(stand, path)
    return seen


async def _paid(stand: PortalStand) -> str:
    await stand.fill_with_two()
    cart = await stand.pay()
    return f"/cart/{cart.reference}"


async def _complain(stand: PortalStand, path: str) -> Seen:
    page = await stand.browser.get(f"{path}/complain")
    fields = {"topic": "not_delivered", "bill": "1", "words": _WORDS}
    return await stand.press(page, f"{path}/complain", **fields)


async def _complained(stand: PortalStand) -> str:
    path = await _paid(stand)
    await _complain(stand, path)
    return path


async def _answered(stand: PortalStand) -> str:
    path = await _complained(stand)
    complaints = stand.counter.portal.complaints
    assert isinstance(complaints, FakeComplaints)
    complaints.answer(1, _ANSWER, "Rahima")
    return path
