import asyncio
from dataclasses import dataclass, field, replace

import pytest

from ekpay_switch.domain.errors import OverloadedError
from ekpay_switch.wing_kit.token_keeper import Grant, KeeperTimes, NoToken, TokenKeeper, call_with_token
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.conftest import HandClock

TIMES = KeeperTimes(lease_seconds=20, wait_seconds=10, poll_seconds=0.5, early_seconds=30)


@dataclass
class Door:
    """Where logins happen, counted."""

    logins: int = 0
    answer: Grant | NoToken | None = None
    opened: asyncio.Event | None = None
    replaced: list[str] = field(default_factory=list)

    async def log_in(self, last: str) -> Grant | NoToken:
        self.logins += 1
        self.replaced.append(last)
        await (self.opened.wait() if self.opened else asyncio.sleep(0))
        return self.answer or Grant(f"token-{self.logins}", 3600)


def a_keeper(tokens: SharedTokens, clock: HandClock, door: Door) -> TokenKeeper:
    return TokenKeeper("bank", tokens, clock, door.log_in, TIMES)


async def test_a_token_in_memory_asks_nobody(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    await keeper.token(5)
    looks = tokens.looks
    assert await keeper.token(5) == "token-1"
    assert keeper.cached_token == "token-1"
    assert tokens.looks == looks


async def test_a_stored_token_spares_the_login(clock: HandClock) -> None:
    tokens, door = SharedTokens(token="stored"), Door()
    assert await a_keeper(tokens, clock, door).token(5) == "stored"
    assert door.logins == 0


async def test_two_processes_log_in_once(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keepers = [a_keeper(tokens, clock, door) for _ in range(2)]
    got = await asyncio.gather(*(keeper.token(5) for keeper in keepers for _ in range(10)))
    assert set(got) == {"token-1"}
    assert door.logins == 1


async def test_while_somebody_else_logs_in_we_wait_for_theirs(clock: HandClock) -> None:
    def stored_by_then(look: int) -> None:
        if look == 4:
            tokens.token = "theirs"

    tokens, door = SharedTokens(holder=99, when_looked=stored_by_then), Door()
    assert await a_keeper(tokens, clock, door).token(5) == "theirs"
    assert door.logins == 0


async def test_somebody_elses_login_is_not_waited_for_for_ever(clock: HandClock) -> None:
    tokens, door = SharedTokens(holder=99), Door()
    started = clock.reading
    assert await a_keeper(tokens, clock, door).token(5) == NoToken("somebody else is logging in")
    assert 10 <= clock.reading - started <= 11


async def test_a_token_stored_between_look_and_lease_is_taken(clock: HandClock) -> None:
    def stored_in_between(look: int) -> None:
        if look == 2:
            tokens.token = "theirs"

    tokens, door = SharedTokens(when_looked=stored_in_between), Door()
    assert await a_keeper(tokens, clock, door).token(5) == "theirs"
    assert door.logins == 0


async def test_a_refused_token_is_dropped_and_replaced(clock: HandClock) -> None:
    tokens, door = SharedTokens(token="old"), Door()
    keeper = a_keeper(tokens, clock, door)
    keeper.refuse(str(await keeper.token(5)))
    assert keeper.cached_token == ""
    assert await keeper.token(5) == "token-1"
    assert tokens.dropped == ["old"]


async def test_a_late_refusal_of_an_old_token_leaves_the_new_one(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    await keeper.token(5)
    keeper.refuse("older")
    assert keeper.cached_token == "token-1"


async def test_a_token_is_not_used_into_its_last_seconds(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    await keeper.token(5)
    assert tokens.lives == [3570]
    clock.reading += 3569
    assert keeper.cached_token == "token-1"
    clock.reading += 1
    assert keeper.cached_token == ""


async def test_a_login_that_fails_says_why_to_everybody(clock: HandClock) -> None:
    door = Door(answer=NoToken("login: reply code 401"))
    keeper = a_keeper(SharedTokens(), clock, door)
    got = await asyncio.gather(*(keeper.token(5) for _ in range(5)))
    assert got == [NoToken("login: reply code 401")] * 5
    assert door.logins == 1


async def test_who_cannot_wait_leaves_the_login_to_the_others(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door(opened=asyncio.Event())
    keeper = a_keeper(tokens, clock, door)
    patient = asyncio.create_task(keeper.token(5))
    assert await keeper.token(0.01) == NoToken("no token in time")
    assert door.opened is not None
    door.opened.set()
    assert await patient == "token-1"


async def test_a_database_that_is_overloaded_means_no_token(clock: HandClock) -> None:
    def overload(look: int) -> None:
        del look
        raise OverloadedError

    tokens = SharedTokens(when_looked=overload)
    got = await a_keeper(tokens, clock, Door()).token(5)
    assert isinstance(got, NoToken)
    assert "queue" in got.why


async def test_a_late_refusal_does_not_bring_a_newer_refused_token_back(clock: HandClock) -> None:
    tokens, door = SharedTokens(token="newer"), Door()
    keeper = a_keeper(tokens, clock, door)
    keeper.refuse(str(await keeper.token(5)))
    keeper.refuse("older")
    assert await keeper.token(5) == "token-1"


async def test_a_login_is_told_which_token_it_replaces(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    keeper.refuse(str(await keeper.token(5)))
    await keeper.token(5)
    assert door.replaced == ["", "token-1"]
    tokens.token = None
    clock.reading += 3570
    await keeper.token(5)
    assert door.replaced == ["", "token-1", "token-2"]


def a_counted_keeper(tokens: SharedTokens, clock: HandClock, door: Door) -> TokenKeeper:
    return TokenKeeper("bank", tokens, clock, door.log_in, replace(TIMES, logins_per_hour=2))


async def test_no_login_is_tried_beyond_what_an_hour_allows(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keepers = [a_counted_keeper(tokens, clock, door) for _ in range(2)]
    for number in range(6):
        keepers[number % 2].refuse(str(await keepers[number % 2].token(5)))
        clock.reading += TIMES.pause_seconds
    refused = NoToken("no login is left within this hour")
    assert [await keeper.token(5) for keeper in (*keepers, *keepers)] == [refused] * 4
    assert door.logins == 2


async def test_a_login_that_failed_counts_unless_it_was_never_sent(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door(answer=NoToken("breaker open", was_sent=False))
    keeper = a_counted_keeper(tokens, clock, door)
    for _ in range(5):
        await keeper.token(5)
    assert (door.logins, tokens.logins) == (5, 0)
    door.answer = NoToken("login: reply code 2001")
    for _ in range(5):
        await keeper.token(5)
    assert (door.logins, tokens.logins) == (7, 2)


async def test_another_way_of_logging_in_is_tried_at_once_and_counted(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door(answer=NoToken("renewal refused", can_retry_at_once=True))
    assert await a_counted_keeper(tokens, clock, door).token(5) == NoToken(
        "no login is left within this hour"
    )
    assert door.logins == 2


async def test_where_nothing_is_counted_logins_are_free(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door(answer=NoToken("breaker open", was_sent=False))
    for _ in range(5):
        await a_keeper(tokens, clock, door).token(5)
    assert (door.logins, tokens.logins) == (5, 0)


# ---- tokens that die ---------------------------------------------------------------------------------------

SHUT_OUT = NoToken("the far side refuses the tokens that it gives", is_locked_out=True)


async def refuse_all(keeper: TokenKeeper, times: int) -> list[bool]:
    """What a far side that takes no token makes of so many calls: whether each token was new."""
    return [keeper.refuse(str(await keeper.token(5))) for _ in range(times)]


async def test_a_token_that_worked_and_died_is_replaced_at_once_however_often(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    for number in range(1, 10):
        assert await keeper.token(5) == f"token-{number}"
        keeper.accept(f"token-{number}")
        assert not keeper.refuse(f"token-{number}")


async def test_a_new_token_that_died_before_its_first_use_is_replaced_at_once(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    for number in (1, 3, 5):
        assert keeper.refuse(str(await keeper.token(5)))
        assert await keeper.token(5) == f"token-{number + 1}"
        keeper.accept(f"token-{number + 1}")
        assert not keeper.refuse(f"token-{number + 1}")


async def test_two_new_tokens_in_a_row_that_are_refused_end_the_logins_for_a_while(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    assert await refuse_all(keeper, 2) == [True, True]
    clock.reading += TIMES.pause_seconds - 1
    assert await keeper.token(5) == SHUT_OUT
    assert (door.logins, tokens.token) == (2, None)
    clock.reading += 1
    assert await refuse_all(keeper, 1) == [True]
    assert await keeper.token(5) == SHUT_OUT
    assert door.logins == 3


async def test_whoever_is_shut_out_still_takes_what_another_process_stores(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    await refuse_all(keeper, 2)
    tokens.token = "theirs"
    assert await keeper.token(5) == "theirs"
    assert not keeper.refuse("theirs")
    assert await keeper.token(5) == SHUT_OUT


async def test_a_token_that_nobody_used_for_long_has_died_like_any_other(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keeper = a_keeper(tokens, clock, door)
    for number in range(1, 5):
        assert await keeper.token(5) == f"token-{number}"
        clock.reading += TIMES.pause_seconds
        assert not keeper.refuse(f"token-{number}")


async def test_a_late_word_about_an_older_token_proves_nothing_of_the_new_one(clock: HandClock) -> None:
    tokens, door = SharedTokens(token="old"), Door()
    keeper = a_keeper(tokens, clock, door)
    assert await refuse_all(keeper, 2) == [False, True]
    assert await keeper.token(5) == "token-2"
    keeper.accept("old")
    assert not keeper.refuse("old")
    assert keeper.cached_token == "token-2"
    assert await refuse_all(keeper, 1) == [True]
    assert await keeper.token(5) == SHUT_OUT


async def test_callers_that_come_late_with_a_dead_token_share_one_login(clock: HandClock) -> None:
    tokens, door = SharedTokens(token="dead"), Door()
    keepers = [a_keeper(tokens, clock, door) for _ in range(3)]
    sent = [str(await keeper.token(5)) for keeper in keepers]
    for keeper, token in [*zip(keepers, sent, strict=True)] * 4:
        assert not keeper.refuse(token)
        assert await keeper.token(5) == "token-1"
        keeper.accept("token-1")
    assert door.logins == 1


async def test_a_far_side_that_takes_no_token_costs_each_process_one_login_a_pause(clock: HandClock) -> None:
    tokens, door = SharedTokens(), Door()
    keepers = [a_keeper(tokens, clock, door) for _ in range(2)]
    for pauses in range(5):
        for keeper in keepers * 100:
            await refuse_all(keeper, 1)
        assert door.logins == 2 * 2 + 2 * pauses
        clock.reading += TIMES.pause_seconds


async def test_a_call_is_sent_a_third_time_only_where_its_second_token_was_no_new_one(
    clock: HandClock,
) -> None:
    tokens, door = SharedTokens(token="ours"), Door()
    keeper = a_keeper(tokens, clock, door)
    sends = 1
    assert keeper.may_resend(str(await keeper.token(5)), sends)
    tokens.token = "theirs"
    assert keeper.may_resend(str(await keeper.token(5)), sends + 1)
    assert not keeper.may_resend(str(await keeper.token(5)), sends + 2)
    assert keeper.may_resend("older", sends)
    assert not keeper.may_resend(str(await keeper.token(5)), sends + 1)
    assert door.logins == 2


async def test_a_call_goes_on_through_dead_tokens_and_its_keeper_hears_which_one_was_taken(
    clock: HandClock,
) -> None:
    tokens, door = SharedTokens(token="dead"), Door()
    keeper = a_keeper(tokens, clock, door)

    async def once() -> tuple[str, str]:
        token = str(await keeper.token(5))
        return ("401" if token == "dead" else "200"), token

    assert await call_with_token(keeper, once, {"401": True, "200": False}.get) == "200"
    assert door.logins == 1
    # Taken once, it is not new any more: that it dies later is no login in vain.
    assert not keeper.refuse(str(await keeper.token(5)))


@pytest.mark.parametrize(("answer", "asked"), [("nothing", 1), ("401", 2)])
async def test_a_call_that_tells_nothing_of_its_token_is_not_repeated(
    clock: HandClock, answer: str, asked: int
) -> None:
    tokens, door = SharedTokens(), Door()
    keeper, answers = a_keeper(tokens, clock, door), []

    async def once() -> tuple[str, str]:
        answers.append(answer)
        return answer, str(await keeper.token(5))

    assert await call_with_token(keeper, once, {"401": True}.get) == answer
    assert len(answers) == asked
