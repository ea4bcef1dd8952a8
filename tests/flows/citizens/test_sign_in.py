"""Signing in: the same for numbers that are known here and for those that are not, and once for each code."""

from uuid import UUID

import pytest

from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX, CodePurpose, CodeVerdict
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.flows.citizens.sign_in import (
    SignInAnswer,
    SignInRequest,
    SignInTry,
    request_sign_in,
    sign_in,
)
from ekpay_switch.ports.citizens import CitizenPorts
from tests.fakes.carts import CartScene
from tests.fakes.citizens import FakeAccounts, FakeCodes, FakeLimits, citizens_of

NUMBER, OTHER = "01712345678", "01812345678"


class Scene:
    """Citizens in memory, and the codes that were sent."""

    def __init__(self) -> None:
        scene = CartScene()
        self.ports: CitizenPorts = citizens_of(scene.carts, scene.small.clock)
        assert isinstance(self.ports.codes, FakeCodes)
        assert isinstance(self.ports.accounts, FakeAccounts)
        assert isinstance(self.ports.limits, FakeLimits)
        self.codes, self.accounts, self.limits = self.ports.codes, self.ports.accounts, self.ports.limits

    async def request(self, number: str = NUMBER, replaces: UUID | None = None) -> UUID | None:
        return await request_sign_in(
            SignInRequest(number, "127.0.0.1", PayerLanguage.ENGLISH, replaces), self.ports
        )

    async def enter(self, number: str = NUMBER, secret: str = "") -> str:
        code_id = await self.request(number)
        assert code_id is not None
        answer = await self.type(code_id, self.codes.codes[code_id].new.code, secret)
        assert answer.check.verdict is CodeVerdict.RIGHT
        return answer.secret

    async def type(self, code_id: UUID, code: str, secret: str = "") -> SignInAnswer:
        return await sign_in(
            SignInTry(code_id, code, PayerLanguage.ENGLISH, "Chrome, Android", secret), self.ports
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_number_that_was_proven_has_one_account_and_many_sessions(scene: Scene) -> None:
    first, second = await scene.enter(), await scene.enter()
    assert first != second
    (citizen_id,) = set(scene.accounts.citizens.values())
    assert len(await scene.accounts.sessions(citizen_id)) == 2
    who = await scene.accounts.by_secret(first)
    assert who is not None
    assert (who.number, who.is_fresh) == (NUMBER, True)


async def test_known_and_unknown_numbers_get_a_code_alike(scene: Scene) -> None:
    await scene.enter(NUMBER)
    before = len(scene.codes.messages)
    known, unknown = await scene.request(NUMBER), await scene.request(OTHER)
    assert known is not None
    assert unknown is not None
    stored = [scene.codes.codes[code_id].new for code_id in (known, unknown)]
    assert [new.purpose for new in stored] == [CodePurpose.SIGN_IN] * 2
    sent = scene.codes.messages[before:]
    assert [message.number for message in sent] == [NUMBER, OTHER]
    assert len({len(message.text) for message in sent}) == 1


async def test_a_browser_that_signs_in_again_has_a_new_secret_and_its_old_one_is_dead(scene: Scene) -> None:
    old = await scene.enter()
    new = await scene.enter(OTHER, old)
    assert await scene.accounts.by_secret(old) is None
    who = await scene.accounts.by_secret(new)
    assert who is not None
    assert who.number == OTHER


async def test_a_wrong_code_lets_nobody_in_and_five_are_all(scene: Scene) -> None:
    code_id = await scene.request()
    assert code_id is not None
    right = scene.codes.codes[code_id].new.code
    wrong = "0" * 6 if right != "0" * 6 else "1" * 6
    for left in range(TRIES_MAX - 1, -1, -1):
        answer = await scene.type(code_id, wrong)
        assert (answer.secret, answer.check.tries_left) == ("", left)
    assert (await scene.type(code_id, right)).check.verdict is CodeVerdict.DEAD
    assert scene.accounts.live == {}


async def test_a_code_for_following_a_payment_signs_nobody_in(scene: Scene) -> None:
    code_id = await scene.request()
    assert code_id is not None
    right = scene.codes.codes[code_id].new.code
    assert (await scene.codes.check(code_id, CodePurpose.TRACK, right)).verdict is CodeVerdict.DEAD
    assert (await scene.type(code_id, right)).secret


async def test_a_second_request_of_a_browser_ends_the_code_before_it(scene: Scene) -> None:
    first = await scene.request()
    assert first is not None
    assert await scene.request(replaces=first) is not None
    assert (await scene.type(first, scene.codes.codes[first].new.code)).check.verdict is CodeVerdict.DEAD


async def test_where_too_many_were_requested_nothing_is_sent(scene: Scene) -> None:
    scene.limits.is_open = False
    assert await scene.request() is None
    assert (scene.codes.messages, scene.codes.codes) == ([], {})
