"""Fetching from a real SFTP server: what comes, what is left, and what a server may do wrong."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciliation.errors import ConfigurationError
from reconciliation.intake.sftp_servers import CompletenessRule, SftpServer, read_servers
from tests.reconciliation.intake.sftp_stage import NAME, OTHER, Stage, age, quick, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


def parts(stage: Stage) -> list[Path]:
    return list((stage.home / "reconciliation" / "arriving").iterdir())


async def test_a_complete_file_comes_once(stage: Stage) -> None:
    stage.put(NAME, b"rows" * 1_000_000)
    assert await stage.said() == [(NAME, "fetched")]
    assert stage.inbox == {NAME: b"rows" * 1_000_000}
    assert await stage.said() == []
    assert parts(stage) == []


async def test_what_the_night_has_taken_does_not_come_again(stage: Stage) -> None:
    stage.put(NAME)
    await stage.fetch()
    (stage.home / "reconciliation" / "inbox" / "sftp" / NAME).unlink()
    assert await stage.said() == []
    assert stage.inbox == {}


async def test_an_empty_file_is_a_file(stage: Stage) -> None:
    stage.put(NAME, b"")
    assert await stage.said() == [(NAME, "fetched")]
    assert stage.inbox == {NAME: b""}


async def test_a_file_that_changed_under_its_name_comes_again(stage: Stage) -> None:
    path = stage.put(NAME, b"first")
    await stage.fetch()
    path.write_bytes(b"other")
    age(path, 10)
    assert await stage.said() == [(NAME, "another of this name waits for the night")]
    assert stage.inbox == {NAME: b"first"}, "what waits is never replaced"
    (stage.home / "reconciliation" / "inbox" / "sftp" / NAME).unlink()
    assert await stage.said() == [(NAME, "fetched")]
    assert stage.inbox == {NAME: b"other"}


async def test_the_same_bytes_at_another_time_are_the_same_file(stage: Stage) -> None:
    path = stage.put(NAME, b"first")
    await stage.fetch()
    age(path, 10)
    assert await stage.said() == [(NAME, "same bytes")]
    assert await stage.said() == []


async def test_a_file_without_its_marker_is_still_being_written(stage: Stage) -> None:
    stage.put(NAME, marker=False)
    assert await stage.said() == [(NAME, "still being written")]
    stage.put(NAME)
    assert await stage.said() == [(NAME, "fetched")]


async def test_a_file_that_grows_is_still_being_written(stage: Stage) -> None:
    stage.put(OTHER, b"whole", marker=False)
    path = stage.put(NAME, b"half", marker=False)

    async def write_on() -> None:
        await asyncio.sleep(0.2)
        path.write_bytes(b"half and more")

    writing = asyncio.create_task(write_on())
    told = await stage.said(complete=CompletenessRule(by="stable", seconds=0.6))
    await writing
    assert told == [(NAME, "still being written"), (OTHER, "fetched")]


async def test_all_folders_are_waited_for_at_once_and_known_files_not_at_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for institution in ("bkash", "upay", "ebl"):
        stage.put(f"{institution}_20260405_01.csv", folder=institution, marker=False)
    slept = []
    sleep = asyncio.sleep

    async def counted(seconds: float, *more: object) -> None:
        slept.extend([seconds] if seconds == 0.25 else [])
        await sleep(0, *more)

    monkeypatch.setattr(asyncio, "sleep", counted)
    waiting: dict[str, object] = {
        "folder": "/{institution}",
        "complete": CompletenessRule(by="stable", seconds=0.25),
    }
    assert len(await stage.said(**waiting)) == 3
    assert await stage.said(**waiting) == []
    assert slept == [0.25]


async def test_a_file_that_changes_while_it_is_read_is_not_taken(stage: Stage) -> None:
    path = stage.put(NAME, b"x" * 100)

    async def grow(_offset: int) -> None:
        path.write_bytes(b"y" * 200)

    stage.manners.before_read = grow
    assert await stage.said() == [(NAME, "still being written")]
    assert (stage.inbox, parts(stage)) == ({}, [])
    stage.manners.before_read = None
    assert await stage.said() == [(NAME, "fetched")]


async def test_a_fetch_goes_on_where_the_last_one_stopped(stage: Stage) -> None:
    whole = os.urandom(5_000_000)
    stage.put(NAME, whole)

    async def hang(offset: int) -> None:
        if offset >= 2_500_000:
            await stage.manners.hang()

    stage.manners.before_read = hang
    assert await stage.said(limits=quick()) == [("", "failed")]
    (part,) = parts(stage)
    begun = part.stat().st_size
    assert 0 < begun < len(whole)
    stage.manners.before_read = None
    stage.manners.reads.clear()
    assert await stage.said() == [(NAME, "fetched")]
    assert min(stage.manners.reads) == begun
    assert stage.inbox == {NAME: whole}


async def test_what_was_begun_of_one_file_never_goes_on_with_another(stage: Stage) -> None:
    path = stage.put(NAME, b"a" * 3_000_000)

    async def hang(offset: int) -> None:
        if offset >= 1_500_000:
            await stage.manners.hang()

    stage.manners.before_read = hang
    await stage.fetch(limits=quick())
    stage.manners.before_read = None
    path.write_bytes(b"b" * 3_000_000)
    age(path, 10)
    assert await stage.said() == [(NAME, "fetched")]
    assert set(stage.inbox[NAME]) == {ord("b")}


async def test_a_memory_with_a_torn_last_line_is_read_and_goes_on(stage: Stage) -> None:
    stage.put(NAME)
    await stage.fetch()
    memory = stage.home / "reconciliation" / "fetched" / "bank.jsonl"
    with memory.open("ab") as file:
        file.write(b'{"folder": "/out", "na')
    stage.put(OTHER)
    assert await stage.said() == [(OTHER, "fetched")]
    assert await stage.said() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_env": "X"},
        {"key": ""},
        {"host_key_env": "X"},
        {"host_key": ""},
        {"host_key": "SHA256:short"},
        {"host_key": "MD5:aa"},
        {"port": 0},
        {"institutions": []},
        {"password": "x"},
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    good = Stage(Path(), 22, "SHA256:" + "a" * 43).server().model_dump()
    with pytest.raises(ValueError, match="validation error"):
        SftpServer.model_validate(good | wrong)


def test_our_own_configuration_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = Path(__file__).parents[3] / "config"
    server = read_servers(config / "sftp.toml")["sandbox"]
    with pytest.raises(ConfigurationError, match="EKPAY_SFTP_SANDBOX_HOST_KEY"):
        server.fingerprint()
    with pytest.raises(ConfigurationError, match="EKPAY_SFTP_SANDBOX_KEY"):
        server.private_key(tmp_path)
    monkeypatch.setenv("EKPAY_SFTP_SANDBOX_PORT", "4711")
    assert server.port_number() == 4711
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        read_servers(tmp_path / "none.toml")
