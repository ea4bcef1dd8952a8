"""A payer complains about a payment and reads the answer, and nobody else's words are markup (ADR 0127)."""

from uuid import UUID

import pytest

from ekpay_switch.domain.citizens.complaints import COMPLAINTS_MAX, WORDS_MAX, ComplaintTopic
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.complaints import FakeComplaints
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import COMPLAINT_DAYS, COMPLAINTS_AT_ONCE, PortalStand

WORDS, ANSWER = "DESCO says that it has nothing.", "DESCO has it now."
MARKUP = "<img src=x onerror=alert(1)>"


def complaints_of(stand: PortalStand) -> FakeComplaints:
    complaints = stand.counter.portal.complaints
    assert isinstance(complaints, FakeComplaints)
    return complaints


async def paid(stand: PortalStand) -> str:
    """Pay a bill of DESCO and one of NESCO; the path of the payment's page."""
    await stand.fill_with_two()
    cart = await stand.pay()
    return f"/cart/{cart.reference}"


async def complained(stand: PortalStand, path: str, **fields: str) -> Seen:
    typed = {"topic": "not_delivered", "words": WORDS, **fields}
    return await stand.press(await stand.browser.get(f"{path}/complain"), f"{path}/complain", **typed)


async def written_again(stand: PortalStand, path: str, words: str = "It has not.") -> Seen:
    page = await stand.browser.get(f"{path}/complaints")
    return await stand.press(page, f"{path}/complaints", words=words)


def leads_to(page: Seen, path: str) -> bool:
    return any(link.partition("?")[0] == path for link in page.html.links())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_complaint_has_a_number_and_a_date_and_stands_with_the_payment(language: str) -> None:
    stand = PortalStand(language)
    path = await paid(stand)
    assert leads_to(await stand.result(), f"{path}/complain")
    answer = await complained(stand, path)
    assert (answer.status, answer.place.partition("?")[0]) == (303, f"{path}/complaints")
    (complaint,) = complaints_of(stand).kept.values()
    assert complaint.topic is ComplaintTopic.NOT_DELIVERED
    assert complaint.language == language
    for page in (f"{path}/complaints", path):
        seen = await stand.browser.get(page)
        assert stand.says(seen, "complaints.number", number=stand.t.number(str(complaint.number)))
        assert stand.says(seen, "complaints.state.waiting", day=stand.t.day(complaint.due_on))
    seen = await stand.browser.get(f"{path}/complaints")
    assert WORDS in seen.text
    assert stand.says(seen, "complain.topic.not_delivered")
    assert stand.says(seen, "complain.all_bills")
    assert "nth" not in seen.html.fields(), "it is the staff's turn"


async def test_a_bill_may_be_chosen_and_a_made_up_one_is_the_whole_payment() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    second = stand.counter.carts[-1].bills[1].seq
    await complained(stand, path, bill=str(second))
    await complained(stand, path, bill="77")
    assert [complaint.bill_seq for complaint in complaints_of(stand).kept.values()] == [second, None]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"topic": ""}, "topic_missing"),
        ({"topic": "everything"}, "topic_missing"),
        ({"words": " \n\u200b "}, "missing"),
        ({"words": "ক" * (WORDS_MAX + 1)}, "too_long"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_changes_nothing(
    language: str, fields: dict[str, str], fault: str
) -> None:
    stand = PortalStand(language)
    path = await paid(stand)
    seen = await complained(stand, path, **fields)
    assert seen.status == 422
    assert stand.says(seen, f"complain.fault.{fault}", most=stand.t.number(WORDS_MAX))
    assert complaints_of(stand).kept == {}
    if "words" not in fields:
        assert WORDS in seen.text, "what was typed stays"


async def test_the_switch_to_the_other_language_keeps_what_was_typed_and_files_nothing() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    seen = await complained(stand, path, language="")
    assert seen.status == 200
    assert WORDS in seen.text
    (chosen,) = [tag for tag in seen.html.all("input", type="radio") if "checked" in tag]
    assert chosen["value"] == "not_delivered"
    assert complaints_of(stand).kept == {}


async def test_a_form_that_is_sent_twice_is_one_complaint() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    page = await stand.browser.get(f"{path}/complain")
    for _ in range(2):
        answer = await stand.press(page, f"{path}/complain", topic="other", words=WORDS)
        assert answer.status == 303
    assert len(complaints_of(stand).kept) == 1


async def test_a_payment_has_so_many_complaints_and_no_more() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    for _ in range(COMPLAINTS_MAX):
        assert (await complained(stand, path)).status == 303
    seen = await complained(stand, path)
    assert (seen.status, len(complaints_of(stand).kept)) == (409, COMPLAINTS_MAX)
    assert stand.says(seen, "portal_notice.many_complaints.title")
    assert not leads_to(await stand.browser.get(f"{path}/complaints"), f"{path}/complain")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_answer_is_read_and_who_is_not_content_writes_again(language: str) -> None:
    stand = PortalStand(language)
    path = await paid(stand)
    await complained(stand, path)
    complaints = complaints_of(stand)
    complaints.answer(1, ANSWER, "Rahima")
    seen = await stand.browser.get(f"{path}/complaints")
    assert ANSWER in seen.text
    assert "Rahima" not in seen.text, "who of the staff answered is no payer's business"
    assert stand.says(seen, "complaints.state.answered")
    wrong = await written_again(stand, path, " ")
    assert wrong.status == 422
    assert stand.says(wrong, "complain.fault.missing")
    assert (await written_again(stand, path)).status == 303
    (complaint,) = complaints.kept.values()
    assert complaint.is_escalated
    seen = await stand.browser.get(f"{path}/complaints")
    assert stand.says(seen, "complaints.state.escalated", day=stand.t.day(complaint.due_on))
    assert "It has not." in seen.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_late_answer_is_said_to_be_late(language: str) -> None:
    stand = PortalStand(language)
    path = await paid(stand)
    await complained(stand, path)
    (complaint,) = complaints_of(stand).kept.values()
    stand.scene.small.clock.pass_by(8 * 86_400)
    seen = await stand.browser.get(f"{path}/complaints")
    assert stand.says(seen, "complaints.state.late", day=stand.t.day(complaint.due_on))


async def test_what_was_typed_again_stays_in_the_other_language() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    await complained(stand, path)
    complaints_of(stand).answer(1, ANSWER, "Rahima")
    page = await stand.browser.get(f"{path}/complaints")
    (switch,) = page.html.all("button", name="language")
    assert page.html.all("form", id=switch["form"]), "the switch sends the form"
    seen = await stand.press(page, f"{path}/complaints", words="It has not.", language="")
    assert seen.status == 200
    assert "It has not." in seen.text
    assert len(complaints_of(stand).kept[next(iter(complaints_of(stand).kept))].messages) == 2


async def test_carts_that_nobody_paid_are_complained_about_so_often_and_paid_ones_always() -> None:
    stand = PortalStand("en")
    statuses = []
    for _ in range(COMPLAINTS_AT_ONCE + 1):
        await stand.fill()
        path = f"/cart/{(await stand.order()).reference}"
        statuses.append((await complained(stand, path)).status)
        stand.browser.cookies.clear()
    assert statuses == [303] * COMPLAINTS_AT_ONCE + [429]
    assert len(complaints_of(stand).kept) == COMPLAINTS_AT_ONCE
    assert (await complained(stand, await paid(stand))).status == 303


async def test_a_message_that_comes_twice_or_out_of_turn_is_there_once() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    await complained(stand, path)
    complaints_of(stand).answer(1, ANSWER, "Rahima")
    page = await stand.browser.get(f"{path}/complaints")
    for nth in ("3", "3", "4", "x", "", "9" * 40):
        answer = await stand.press(page, f"{path}/complaints", words="It has not.", nth=nth)
        assert answer.status == 303
    (complaint,) = complaints_of(stand).kept.values()
    assert [message.words for message in complaint.messages] == [WORDS, ANSWER, "It has not."]


async def test_nobody_writes_in_a_complaint_of_another_payment() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    complaints, other = complaints_of(stand), uuid7()
    foreign = complaints.filed_for(other, WORDS)
    complaints.answer(foreign.number, ANSWER, "Rahima")
    await complained(stand, path)
    (own,) = [one for one in complaints.kept.values() if one.cart_id != other]
    complaints.answer(own.number, ANSWER, "Rahima")
    page = await stand.browser.get(f"{path}/complaints")
    assert not stand.says(page, "complaints.number", number=stand.t.number(str(foreign.number)))
    for known in (foreign.complaint_id.hex, UUID(int=0).hex, "not one"):
        answer = await stand.press(page, f"{path}/complaints", complaint=known, words="Mine?", nth="3")
        assert answer.status == 303
    assert all(len(one.messages) == 2 for one in complaints.kept.values())


async def test_a_complaint_under_an_id_of_another_payment_is_not_filed() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    foreign = complaints_of(stand).filed_for(uuid7(), WORDS)
    seen = await complained(stand, path, complaint=foreign.complaint_id.hex)
    assert seen.status == 409
    assert len(complaints_of(stand).kept) == 1


@pytest.mark.parametrize("below", ["complain", "complaints"])
async def test_a_cart_that_is_not_ordered_or_not_there_has_no_complaints(below: str) -> None:
    stand = PortalStand("en")
    cart = await stand.fill()
    for path in (f"/cart/{cart.reference}", "/cart/AAAAAAAAAAAAAAAAAAAAAAAAAA", "/cart/%00"):
        assert (await stand.browser.get(f"{path}/{below}")).status == 404
        sent = await stand.press(await stand.browser.get("/cart"), f"{path}/{below}", words=WORDS)
        assert sent.status == 404
    assert complaints_of(stand).kept == {}


@pytest.mark.parametrize("below", ["complain", "complaints"])
async def test_a_form_of_another_page_files_nothing(below: str) -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    fields = {"topic": "other", "words": WORDS, "csrf": "made up"}
    assert (await stand.browser.post(f"{path}/{below}", fields)).status == 403
    assert complaints_of(stand).kept == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_people_write_is_text_and_no_markup(language: str) -> None:
    stand = PortalStand(language)
    path = await paid(stand)
    assert MARKUP.encode() not in (await complained(stand, path, topic="", words=MARKUP)).body
    await complained(stand, path, words=MARKUP)
    complaints_of(stand).answer(1, MARKUP, "Rahima")
    seen = await stand.browser.get(f"{path}/complaints")
    assert MARKUP.encode() not in seen.body
    assert seen.text.count(MARKUP) == 2


async def test_card_numbers_do_not_stay() -> None:
    stand = PortalStand("en")
    path = await paid(stand)
    await complained(stand, path, words="My card 4111 1111 1111 1111 was debited.")
    (complaint,) = complaints_of(stand).kept.values()
    assert "4111 1111 1111 1111" not in str(complaint.messages[0].words)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_how_long_complaints_are_kept_is_told(language: str) -> None:
    stand = PortalStand(language)
    shown = await stand.browser.get("/privacy")
    assert stand.says(shown, "privacy.complaints", days=stand.t.number(COMPLAINT_DAYS))
