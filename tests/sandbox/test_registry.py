"""Which institutions a command serves, and that several in one process are told apart."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from sandbox.registry import (
    BILLER_FAMILIES,
    DEFAULT_PORTS,
    InstitutionName,
    UnreadablePortError,
    UnservedPortError,
    ports_to_serve,
    read_ports,
)
from tests.sandbox.caller import ROOT
from tests.sandbox.test_process import run


def test_without_a_word_all_are_served_at_their_own_ports() -> None:
    served = ports_to_serve({InstitutionName.DESCO: None}, [])
    assert served == DEFAULT_PORTS
    assert list(served) == list(InstitutionName)
    first = {
        InstitutionName.DESCO: 8190,
        InstitutionName.BREB: 8191,
        InstitutionName.NESCO: 8192,
        InstitutionName.BKASH: 8193,
        InstitutionName.DIRECT: 8194,
        InstitutionName.SMS: 8208,
    }
    assert first.items() <= served.items()


def test_a_named_port_serves_its_institution_alone() -> None:
    assert ports_to_serve(
        {InstitutionName.DESCO: 7, InstitutionName.BREB: None, InstitutionName.NESCO: None}, []
    ) == {InstitutionName.DESCO: 7}
    assert ports_to_serve({InstitutionName.NESCO: 0, InstitutionName.DESCO: 7}, []) == {
        InstitutionName.DESCO: 7,
        InstitutionName.NESCO: 0,
    }


def test_only_says_who_is_served_named_port_or_not() -> None:
    assert ports_to_serve({}, [InstitutionName.NESCO]) == {InstitutionName.NESCO: 8192}
    assert ports_to_serve({InstitutionName.BREB: 5}, [InstitutionName.NESCO, InstitutionName.BREB]) == {
        InstitutionName.BREB: 5,
        InstitutionName.NESCO: 8192,
    }


def test_a_port_of_one_that_is_not_served_is_refused() -> None:
    with pytest.raises(UnservedPortError, match="desco"):
        ports_to_serve({InstitutionName.DESCO: 7}, [InstitutionName.BREB])


def test_ports_are_named_by_institution_and_without_a_name_it_is_desco() -> None:
    assert read_ports([]) == {}
    assert read_ports(["7"]) == {InstitutionName.DESCO: 7}
    assert read_ports(["direct=8", "0", "nesco=65535"]) == {
        InstitutionName.DIRECT: 8,
        InstitutionName.DESCO: 0,
        InstitutionName.NESCO: 65_535,
    }


@pytest.mark.parametrize(
    "texts",
    [
        ["x=1"],
        ["=1"],
        ["direct="],
        ["direct"],
        ["direct=65536"],
        ["direct=-1"],
        ["1", "desco=2"],
        ["a=direct=1"],
    ],
)
def test_a_port_in_another_form_or_named_twice_is_refused(texts: list[str]) -> None:
    with pytest.raises(UnreadablePortError, match="desco, breb"):
        read_ports(texts)


async def test_the_command_refuses_a_port_in_another_form(tmp_path: Path) -> None:
    code, _ = await run("serve", "--port", "direct", "--home", str(tmp_path / "books"))
    assert code == 2
    assert not (tmp_path / "books").exists()


async def test_the_command_refuses_a_port_of_one_that_is_not_served(tmp_path: Path) -> None:
    code, _ = await run("serve", "--only", "breb", "--port", "0", "--home", str(tmp_path / "books"))
    assert code == 2
    assert not (tmp_path / "books").exists()


async def test_all_families_of_counters_share_one_process(tmp_path: Path) -> None:
    ports = [argument for name in BILLER_FAMILIES for argument in ("--port", f"{name}=0")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "serve", *ports, "--home", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for name, far_side in BILLER_FAMILIES.items():
            line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
            origin = line[-1].removesuffix(far_side.base_path)
            async with aiohttp.ClientSession() as session, session.get(f"{origin}/_admin/houses") as answer:
                houses = (await answer.json())["houses"]
            assert [house["id"] for house in houses] == [house.id for house in far_side.institutions], name
    finally:
        process.kill()
        await process.wait()


async def test_three_institutions_of_one_process_answer_each_at_its_own_port(tmp_path: Path) -> None:
    ports = ["--port", "0", "--breb-port", "0", "--nesco-port", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "serve", *ports, "--home", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode().split() for _ in range(3)]
        assert [line[0] for line in lines] == ["DESCO", "BREB", "NESCO"]
        assert [line[-1].rsplit("/", 2)[1] for line in lines] == ["desco", "breb", "nesco"]
        async with aiohttp.ClientSession() as session:
            assert await _keys(session, lines) == [
                ["payments", "rejected_duplicates"],
                ["locks", "payments", "rejected_duplicates"],
                ["quotes", "vends"],
            ]
            # An outage is of one institution only.
            desco = lines[0][-1].removesuffix("/desco/api")
            await session.post(f"{desco}/_admin/outage", json={"mode": "http_503"})
            states = [await _status(session, line[-1]) for line in lines]
        assert states == [503, 404, 404]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) is not None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert _files(tmp_path) == ["breb.jsonl", "desco.jsonl", "nesco.jsonl"]


def _files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def _keys(session: aiohttp.ClientSession, lines: list[list[str]]) -> list[list[str]]:
    found = []
    for line in lines:
        origin = line[-1].rsplit("/", 2)[0]
        async with session.get(f"{origin}/_admin/dump") as answer:
            found.append(sorted(await answer.json()))
    return found


async def _status(session: aiohttp.ClientSession, address: str) -> int:
    async with session.post(f"{address}/other") as answer:
        return answer.status
