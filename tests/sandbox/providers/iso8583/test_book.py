"""What the hosts believe survives a kill and a start, to the last line of the journal."""

from datetime import date
from pathlib import Path

import pytest

from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.journal import JournalInUseError
from sandbox.providers.iso8583.book import HostBook
from sandbox.providers.iso8583.family import HostsFamily
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import AMOUNT, Fields, a_switch, host_settings

TODAY = date(2026, 3, 10)
JOURNAL = "gateway_iso8583.jsonl"


async def a_day(folder: Path, clock: SetClock) -> dict[str, Fields]:
    """A request of every fate, by name; the process that heard them is gone."""
    async with a_switch(folder, clock) as switch:
        line = await switch.signed_on()
        made = {
            name: switch.request(*await switch.consented()) for name in ("kept", "back", "ahead", "waits")
        }
        made["lost"] = switch.request(*await switch.consented("take_lost_done"))
        made["refused"] = switch.request(*await switch.consented("declined"))
        made["code_96"] = switch.request(*await switch.consented("any_code", 96))
        made["stubborn"] = switch.request(*await switch.consented("reversal_96", 1))
        for name in ("kept", "back", "refused", "code_96"):
            await line.ask("0200", made[name])
        for name in ("lost", "stubborn"):
            await line.send("0200", made[name])
        assert (await line.ask("0420", switch.reversal(made["stubborn"])))[39] == "96"
        for name, code in (("back", "00"), ("ahead", "25")):
            assert (await line.ask("0420", switch.reversal(made[name])))[39] == code
    return made


async def test_everything_is_known_again_after_a_start(tmp_path: Path, clock: SetClock) -> None:
    made = await a_day(tmp_path, clock)
    async with a_switch(tmp_path, clock) as switch:
        states = {name: (await switch.order(request[48]))["state"] for name, request in made.items()}
        assert states == {
            "kept": "paid",
            "back": "cancelled",
            "ahead": "cancelled",
            "waits": "agreed",
            "lost": "paid",
            "refused": "declined",
            "code_96": "agreed",
            "stubborn": "paid",
        }
        assert (await switch.totals())["taken_paisa"] == 3 * AMOUNT
        assert (await switch.host())["signed_on"] == 0
        line = await switch.signed_on()
        # Repeats are answered as the first were, or would have been.
        codes = {name: (await line.ask("0200", request))[39] for name, request in made.items()}
        assert codes == {
            "kept": "00",
            "back": "94",
            "ahead": "94",
            "waits": "00",
            "lost": "00",
            "refused": "05",
            "code_96": "96",
            "stubborn": "00",
        }
        # And the payer whose reversals fail twice has had one of them.
        assert [(await line.ask("0421", switch.reversal(made["stubborn"])))[39] for _ in range(2)] == [
            "96",
            "00",
        ]
        assert [(await line.ask("0421", switch.reversal(made[name])))[39] for name in ("back", "ahead")] == [
            "00",
            "25",
        ]
        assert (await line.ask("0420", switch.reversal(made["lost"])))[39] == "00"
        assert (await line.ask("0420", switch.reversal(made["code_96"])))[39] == "00"
        assert (await switch.totals())["taken_paisa"] == 2 * AMOUNT
        rows, trailer = await switch.file()
        assert [row["reversed"] for row in rows] == ["N", "Y", "Y", "Y", "N"]
        assert trailer == ["TRAILER", "5", str(2 * AMOUNT)]


async def test_a_replayed_book_is_the_book(tmp_path: Path, clock: SetClock) -> None:
    await a_day(tmp_path, clock)
    settings = host_settings(tmp_path)
    dumps = []
    for _ in range(2):
        institution = HostsFamily.open(settings, Clock(clock.now))
        dumps.append(institution.admin_api().dump())
        institution.close()
    for dump in dumps:
        for order in dump["orders"]:  # type: ignore[attr-defined]
            del order["page_url"]
    assert dumps[0] == dumps[1]
    assert dumps[0]["requests"]
    assert dumps[0]["reversals"]


@pytest.mark.parametrize("kind", ["financial", "reversal"])
async def test_a_torn_line_has_changed_nothing_at_all(tmp_path: Path, clock: SetClock, kind: str) -> None:
    async with a_switch(tmp_path, clock) as switch:
        line = await switch.signed_on()
        request, _ = await switch.paid(line)
        if kind == "reversal":
            await line.ask("0420", switch.reversal(request))
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    assert f'"kind":"{kind}"'.encode() in lines[-1]
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-20])
    async with a_switch(tmp_path, clock) as switch:
        line = await switch.signed_on()
        totals = await switch.totals()
        if kind == "financial":
            assert (totals["taken_paisa"], totals["requests"]) == (0, 0)
            assert (await line.ask("0420", switch.reversal(request)))[39] == "25"
            assert (await line.ask("0200", request))[39] == "94"
        else:
            assert (totals["taken_paisa"], totals["reversals"]) == (AMOUNT, 0)
            assert (await line.ask("0421", switch.reversal(request)))[39] == "00"
        assert (await switch.totals())["taken_paisa"] == 0


async def test_agreed_to_before_the_kill_and_made_good_after_it(tmp_path: Path, clock: SetClock) -> None:
    async with a_switch(tmp_path, clock) as switch:
        reference, alias = await switch.consented()
    clock.advance(seconds=599)
    async with a_switch(tmp_path, clock) as switch:
        link = switch.link(switch.members(reference))
        assert switch.returned(await switch.visit(link))["alias"] == alias
        line = await switch.signed_on()
        assert (await line.ask("0200", switch.request(reference, alias)))[39] == "00"


async def test_an_alias_lapses_while_nobody_is_there(tmp_path: Path, clock: SetClock) -> None:
    async with a_switch(tmp_path, clock) as switch:
        reference, alias = await switch.consented()
    clock.advance(seconds=600)
    async with a_switch(tmp_path, clock) as switch:
        assert (await switch.order(reference))["state"] == "expired"
        line = await switch.signed_on()
        assert (await line.ask("0200", switch.request(reference, alias)))[39] == "54"


def test_another_seed_or_a_second_process_is_refused(tmp_path: Path) -> None:
    book = HostBook(tmp_path / JOURNAL, 7, TODAY)
    with pytest.raises(JournalInUseError):
        HostBook(tmp_path / JOURNAL, 7, TODAY)
    book.close()
    with pytest.raises(OtherSeedError):
        HostBook(tmp_path / JOURNAL, 8, TODAY)
    HostBook(tmp_path / JOURNAL, 7, TODAY).close()


async def test_a_port_that_is_taken_stops_the_start_and_gives_the_others_back(
    tmp_path: Path, clock: SetClock
) -> None:
    async with a_switch(tmp_path / "first", clock) as switch:
        port = int(switch.places["npsb"].rpartition(":")[2])
        ports = dict.fromkeys(switch.places, 0) | {"npsb": port}
        second = HostsFamily.open(host_settings(tmp_path / "second", host_ports=ports), Clock(clock.now))
        with pytest.raises(OSError, match="in use"):
            second.set_origin("http://127.0.0.1:1")
        assert second.listeners == {}
        second.close()
