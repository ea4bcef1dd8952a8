"""What a bank sees when something breaks: an answer is lost, a line is cut, the biller is away."""

import asyncio
from dataclasses import replace

import pytest

from sandbox.callers.partner.client import result_code
from sandbox.callers.partner.messages import Message, Payout
from sandbox.rehearsals.installation.parties import ask_together
from tests.acceptance.installation import (
    DESCO,
    DONE,
    IN_PROGRESS,
    Bank,
    House,
    a_reference,
    paisa,
    sealed,
    until,
)
from tests.acceptance.raw_socket import RawLine, post

# The processes and connections of the house live in one event loop, so its stories do too.
pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_lost_answer_ends_as_what_the_biller_did(house: House) -> None:
    """Saved and not told; neither saved nor told, so that it is sent once more; or plainly refused."""
    bank = house.shapla
    paid, unpaid, refused = [await bank.fetch_account(house.account(kind)) for kind in ("94", "95", "96")]
    before = await bank.balance_paisa()
    names = {id(one): a_reference() for one in (paid, unpaid, refused)}

    assert await bank.pay(paid, names[id(paid)]) == IN_PROGRESS
    assert (await bank.ask(paid))["bllr_inf"]["is_bll_pd"] == "N"
    assert await bank.pay(unpaid, names[id(unpaid)]) == IN_PROGRESS
    assert await bank.pay(refused, names[id(refused)]) == "1008"
    assert before - await bank.balance_paisa() == _owed(paid) + _owed(unpaid)

    await asyncio.gather(bank.hears_it_is_paid(paid), bank.hears_it_is_paid(unpaid))
    codes = [await bank.pay(one, names[id(one)]) for one in (paid, unpaid, refused)]
    assert codes == [DONE, DONE, "1008"]
    assert before - await bank.balance_paisa() == _owed(paid) + _owed(unpaid)
    saves = [await house.saved(one["bllr_inf"]["bll_no"]) for one in (paid, unpaid, refused)]
    assert [[line["saves"] for line in lines] for lines in saves] == [[1], [1], []]
    (sent_again,) = await house.payments(names[id(unpaid)])
    assert [attempt["sends"] for attempt in sent_again["attempts"]] == [2]
    await house.ends_well()


def _owed(fetched: Message) -> int:
    return paisa(fetched["bllr_inf"]["bll_amnt_ttl"])


async def test_a_bank_that_hangs_up_has_paid_all_the_same(house: House) -> None:
    bank, bills = house.shapla, [house.bill() for _ in range(10)]
    token = await bank.client.get_token()
    for bill in bills:
        reference, fetched = a_reference(), await bank.fetch(bill)
        order = bank.client.write.payment(fetched, Payout(reference))
        async with RawLine(house.stage.setting.switch_port) as line:
            await line.send(post("update-billPayment", sealed(order, bank.player.secret), token))
        await bank.hears_it_is_paid(fetched)
        assert await bank.pay(fetched, reference) == DONE
        assert [saved["saves"] for saved in await house.saved(bill.number)] == [1]
    await house.ends_well()


async def test_while_the_biller_is_away_nothing_is_taken_and_it_comes_back_by_itself(house: House) -> None:
    bank, reference, bill = house.shapla, a_reference(), house.bill()
    before, fetched = await bank.balance_paisa(), await bank.fetch(bill)
    await house.stage.kill_far_side()
    try:
        assert await bank.pay(fetched, reference) == "1007"
        assert await bank.balance_paisa() == before
        assert result_code(await bank.client.fetch_bill(DESCO, bll_no=bill.number)) == "1007"
    finally:
        await house.stage.open_far_side()

    async def _it_answers() -> bool:
        return result_code(await bank.client.fetch_bill(DESCO, bll_no=bill.number)) == DONE

    await until(_it_answers)
    assert await bank.pay(fetched, reference) == "1007"
    assert await bank.balance_paisa() == before
    assert await bank.pay(await bank.fetch(bill), a_reference()) == DONE
    assert before - await bank.balance_paisa() == bill.amount_paisa
    await house.ends_well()


async def test_a_new_secret_ends_old_tokens_at_once_and_old_messages_after_the_overlap(house: House) -> None:
    bank, bill = house.doyel, house.bill()
    old_secret, old_token = bank.player.secret, await bank.client.get_token()
    message = bank.client.write.fetch(DESCO, bll_no=bill.number)
    rotated = await _rotated(house, bank, "24")
    assert rotated.player.secret != old_secret

    async def _old_token_is_dead() -> bool:
        answer = await bank.send(message, token=old_token, secret=old_secret)
        return answer.status == 401 and b'"2002"' in answer.body

    await until(_old_token_is_dead)
    token = await rotated.client.get_token()
    for secret in (old_secret, rotated.player.secret):
        assert (await rotated.send(message, token=token, secret=secret)).status == 200

    newest = await _rotated(house, rotated, "0")
    house.doyel = newest
    token = await newest.client.get_token()
    for secret in (old_secret, rotated.player.secret):

        async def _is_closed(secret: str = secret) -> bool:
            answer = await newest.send(message, token=await newest.client.get_token(), secret=secret)
            return answer.status == 400 and b'"2001"' in answer.body

        await until(_is_closed)
    assert await newest.pay(await newest.fetch(bill), a_reference()) == DONE
    await house.ends_well()


async def _rotated(house: House, bank: Bank, overlap_hours: str) -> Bank:
    """The bank with its new secret and a new login."""
    words = ("partners", "rotate-secret", bank.player.id, "--overlap-hours", overlap_hours)
    given = await ask_together(house.stage.tool, *words)
    player = replace(bank.player, secret=given["shared_secret"])
    return Bank(player, await house.client(player))
