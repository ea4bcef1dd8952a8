import re

import pytest

from sandbox.messaging.inbox_page import MESSAGES_ON_A_PAGE, Piece, pieces_of
from tests.sandbox.caller import SetClock
from tests.sandbox.messaging.caller import TO, SmsCaller

OTHER = "8801812345678"


def texts(page: str) -> list[str]:
    return re.findall(r'<p class="text"[^>]*>(.*?)</p>', page, re.DOTALL)


async def test_an_empty_inbox_says_so_and_that_it_is_a_rehearsal(sms: SmsCaller) -> None:
    status, page = await sms.inbox("?lang=bn")
    assert (status, '<html lang="bn">' in page, "পরীক্ষামূলক ইনবক্স" in page) == (200, True, True)
    assert "এখনও কোনো বার্তা আসেনি" in page
    status, page = await sms.inbox()
    assert (status, '<html lang="en">' in page, "Rehearsal inbox" in page) == (200, True, True)
    assert "No message has arrived yet" in page


async def test_a_message_says_to_whom_when_and_what_in_each_language(sms: SmsCaller, clock: SetClock) -> None:
    clock.advance(minutes=15)
    await sms.send(sms.a_message())
    _, page = await sms.inbox("?lang=bn")
    for text in ("০১৭১২-৩৪৫৬৭৮", "১০ মার্চ ২০২৬, দুপুর ১২:১৫", "প্রেরক: EKPAY", "বাংলাদেশ সময়"):
        assert text in page
    _, page = await sms.inbox()
    for text in ("01712-345678", "10 March 2026, 12:15", "From: EKPAY", "Bangladesh time"):
        assert text in page
    assert '<strong class="code">৪৮২৯১৩</strong>' in page


async def test_bangla_is_the_language_unless_the_browser_wants_another(sms: SmsCaller) -> None:
    assert '<html lang="bn">' in (await sms.inbox(""))[1]
    assert '<html lang="bn">' in (await sms.inbox("?lang=xx"))[1]
    async with sms.session.get(f"{sms.origin}/inbox", headers={"Accept-Language": "en-GB"}) as answer:
        assert '<html lang="en">' in await answer.text()


async def test_whatever_was_sent_is_text(sms: SmsCaller) -> None:
    attack = "<script>alert(1)</script>\n&\"'"
    await sms.send(sms.a_message(sms=attack))
    async with sms.session.get(f"{sms.origin}/inbox?to=01712345678&x=%22%3E%3Cscript%3E") as answer:
        page, headers = await answer.text(), answer.headers
    assert "<script" not in page
    assert texts(page) == ["&lt;script&gt;alert(1)&lt;/script&gt;\n&amp;&#34;&#39;"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


async def test_the_newest_message_stands_first(sms: SmsCaller, clock: SetClock) -> None:
    for text in ("first", "second"):
        await sms.send(sms.a_message(sms=text))
        clock.advance(seconds=1)
    await sms.send(sms.a_message(sms="third"))
    await sms.send(sms.a_message(sms="fourth"))
    assert texts((await sms.inbox())[1]) == ["fourth", "third", "second", "first"]


@pytest.mark.parametrize(
    "typed", ["01812345678", "8801812345678", "%2B88+01812-345678", "+8801812345678", "০১৮১২-৩৪৫৬৭৮"]
)
async def test_a_number_selects_its_messages_however_it_is_typed(sms: SmsCaller, typed: str) -> None:
    await sms.send(sms.a_message(TO, sms="not mine"))
    await sms.send(sms.a_message(OTHER, sms="mine"))
    status, page = await sms.inbox(f"?lang=en&to={typed}")
    assert (status, texts(page)) == (200, ["mine"])
    assert "Messages to 01812-345678" in page


async def test_the_links_keep_language_and_number(sms: SmsCaller) -> None:
    await sms.send(sms.a_message(OTHER))
    _, page = await sms.inbox("?lang=en&to=01812345678")
    links = set(re.findall(r'href="([^"]*)"', page))
    assert links == {
        "/inbox?lang=bn&amp;to=01812345678",
        "/inbox?to=8801812345678&amp;lang=en",
        "/inbox?lang=en",
    }
    assert '<input type="hidden" name="lang" value="en">' in page
    _, page = await sms.inbox("")
    assert set(re.findall(r'href="([^"]*)"', page)) == {
        "/inbox?lang=en",
        "/inbox",
        "/inbox?to=8801812345678",
    }


@pytest.mark.parametrize("typed", ["12", "0171234567", "017123456789", "%3Cb%3E", "abc", "01212345678"])
async def test_a_wrong_number_is_400_and_stays_in_the_field(sms: SmsCaller, typed: str) -> None:
    await sms.send(sms.a_message())
    status, page = await sms.inbox(f"?lang=en&to={typed}")
    assert (status, texts(page)) == (400, [])
    assert "This is no mobile number" in page
    assert 'aria-invalid="true"' in page
    assert f'value="{typed.replace("%3Cb%3E", "&lt;b&gt;")}"' in page


async def test_a_query_that_cannot_be_read_is_400(sms: SmsCaller) -> None:
    assert (await sms.inbox("?to=%ff"))[0] == 400


async def test_older_messages_stand_on_further_pages(sms: SmsCaller) -> None:
    for number in range(MESSAGES_ON_A_PAGE + 1):
        await sms.send(sms.a_message(sms=f"text {number}"))
    _, page = await sms.inbox()
    assert (texts(page)[0], texts(page)[-1], len(texts(page))) == ("text 50", "text 1", MESSAGES_ON_A_PAGE)
    assert 'href="/inbox?page=2&amp;lang=en">Older messages' in page
    _, page = await sms.inbox("?lang=en&page=২")
    assert texts(page) == ["text 0"]
    assert 'href="/inbox?lang=en">Newer messages' in page


@pytest.mark.parametrize("number", ["2", "0", "x", "99999999"])
async def test_a_page_that_is_none_is_404(sms: SmsCaller, number: str) -> None:
    status, page = await sms.inbox(f"?lang=en&page={number}")
    assert (status, "There is no such page" in page) == (404, True)


async def test_the_inbox_takes_nothing_in(sms: SmsCaller) -> None:
    async with sms.session.post(f"{sms.origin}/inbox", data={"to": TO}) as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    "body", ["Code 482913.", "কোড: 482913", "482913", "(482913)", "কোড ৪৮২৯১৩।", "482913, soon"]
)
def test_a_number_of_six_digits_is_a_code(body: str) -> None:
    assert sum(piece.is_code for piece in pieces_of(body)) == 1
    assert "".join(piece.text for piece in pieces_of(body)) == body


@pytest.mark.parametrize(
    "body",
    ["1234567", "12345", "123456.00", "২,৯২৩৪৫৬", "EKP123456", "123456-7", "1234-123456", "a/123456/b"],
)
def test_a_piece_of_something_longer_is_none(body: str) -> None:
    assert pieces_of(body) == [Piece(body, is_code=False)]
