"""What an SFTP server may do wrong: names, links, lies, silence, and keys that are not the pinned ones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from tests.reconciliation.intake.sftp_stage import NAME, OTHER, Stage, quick, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    "name",
    [
        "readme.txt",
        "bkash_20260405_01.exe",
        "bkash_20260231_01.csv",
        "nobody_20260405_01.csv",
        "bkash_20260405_01.csv.part",
        "..bkash_20260405_01.csv",
        "bkash_20260405_01_c" + "1" * 150 + ".csv",
        "বিকাশ_20260405_01.csv",
        "-rf",
    ],
)
async def test_a_name_that_nobody_understands_is_left_there(stage: Stage, name: str) -> None:
    stage.put(name)
    stage.put(NAME)
    told = await stage.fetch()
    assert [one.name for one in told if one.outcome.value == "fetched"] == [NAME]
    assert all(one.reason for one in told if one.outcome.value == "left there")
    assert set(stage.inbox) == {NAME}


async def test_a_server_brings_files_of_its_institutions_only(stage: Stage) -> None:
    stage.put(NAME)
    stage.put(OTHER)
    assert await stage.said(institutions=["nagad"]) == [(NAME, "left there"), (OTHER, "fetched")]


async def test_each_institution_may_have_its_folder(stage: Stage) -> None:
    stage.put(NAME, folder="bkash")
    stage.put(OTHER, folder="bkash")
    told = await stage.said(folder="/{institution}", institutions=["bkash", "nagad"])
    assert told == [(NAME, "fetched"), (OTHER, "left there")]
    assert (await stage.said(folder="/{institution}")) == [(OTHER, "left there")], "all layouts, most without"


async def test_a_link_is_never_followed(stage: Stage) -> None:
    secret = stage.put("secret", b"secret", folder="elsewhere")
    link = stage.remote / "out" / NAME
    link.symlink_to(secret)
    link.with_name(NAME + ".done").touch()
    (stage.remote / "out" / OTHER).mkdir()
    assert [told for told in await stage.said() if told[1] == "fetched"] == []
    assert stage.inbox == {}


async def test_a_file_that_becomes_a_link_while_it_is_read_is_not_taken(stage: Stage) -> None:
    path = stage.put(NAME, b"x" * 100)

    async def swap(_offset: int) -> None:
        if not path.is_symlink():
            path.rename(path.with_name("moved"))
            path.symlink_to("moved")

    stage.manners.before_read = swap
    assert await stage.said() == [(NAME, "still being written")]
    assert stage.inbox == {}


async def test_a_name_that_holds_a_path_cannot_leave_its_folder(stage: Stage) -> None:
    class Lying(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            del path
            for name in (
                b"../" + NAME.encode(),
                b"/etc/" + NAME.encode(),
                b"..",
                b"\xff\xfe",
                b"",
                b"a\x00b",
            ):
                attributes = asyncssh.SFTPAttrs(type=1, permissions=0o100644, size=1, mtime=1)
                yield asyncssh.SFTPName(name, b"", attributes)
                yield asyncssh.SFTPName(name + b".done", b"", attributes)

    async with staged_with(stage, Lying) as port:
        told = await stage.fetch(port=port)
    assert [one for one in told if one.outcome.value == "fetched"] == []
    assert [one for one in told if one.outcome.value == "failed"] == []
    assert stage.inbox == {}


class staged_with:  # noqa: N801 - reads as the function it stands beside
    """Another server beside the stage's, with its keys."""

    def __init__(self, stage: Stage, shown: type[asyncssh.SFTPServer]) -> None:
        self._stage, self._shown = stage, shown

    async def __aenter__(self) -> int:
        host = asyncssh.generate_private_key("ssh-ed25519")
        client = asyncssh.read_private_key(self._stage.home / "key").convert_to_public()
        keys = asyncssh.import_authorized_keys(client.export_public_key().decode())
        self._acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=keys, sftp_factory=self._shown
        )
        self._stage.fingerprint = host.get_fingerprint()
        return int(self._acceptor.get_port())

    async def __aexit__(self, *_problem: object) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()


async def test_a_listing_without_end_is_not_listened_to(stage: Stage) -> None:
    class Endless(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            del path
            number = 0
            while True:
                number += 1
                yield asyncssh.SFTPName(
                    b"bkash_%d" % number, b"", asyncssh.SFTPAttrs(type=1, size=1, mtime=1)
                )
                await asyncio.sleep(0)

    async with staged_with(stage, Endless) as port:
        (told,) = await stage.fetch(port=port, limits=quick(names_max=500, silent_seconds=5.0))
    assert (told.outcome.value, told.reason) == ("failed", "/out: more than 500 names")


async def test_a_file_that_is_too_large_is_left_there(stage: Stage) -> None:
    stage.put(NAME, b"x" * 1_001)
    (told,) = await stage.fetch(limits=quick(bytes_max=1_000))
    assert (told.outcome.value, told.reason) == ("left there", "1001 bytes, more than 1000")
    assert stage.manners.reads == []


async def test_hundreds_of_files_come_and_are_known_afterwards(stage: Stage) -> None:
    for number in range(300):
        stage.put(f"bkash_20260405_01_c{number + 1}.csv", str(number).encode())
    assert len(await stage.said()) == 300
    assert len(stage.inbox) == 300
    stage.manners.reads.clear()
    assert await stage.said() == []
    assert stage.manners.reads == []


async def test_a_server_that_is_silent_is_left_alone(stage: Stage) -> None:
    stage.put(NAME)
    stage.manners.hangs_at_listing = True
    (told,) = await stage.fetch(limits=quick())
    assert (told.outcome.value, told.reason) == ("failed", "no answer in time")


async def test_a_port_that_says_nothing_is_left_alone(stage: Stage) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        (told,) = await stage.fetch(port=port, limits=quick(connect_seconds=0.3))
    assert told.outcome.value == "failed"


# The server of the test is left in the middle of a read, and nobody closes its file before it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_that_needs_too_long_in_all_is_left(stage: Stage) -> None:
    for number in range(30):
        stage.put(f"bkash_20260405_01_c{number + 1}.csv")

    async def dawdle(_offset: int) -> None:
        await asyncio.sleep(0.1)

    stage.manners.before_read = dawdle
    told = await stage.said(limits=quick(whole_seconds=0.8))
    assert told[-1] == ("", "failed")
    assert 0 < len(stage.inbox) < 30


async def test_a_file_that_the_server_does_not_hand_out_spoils_no_other(stage: Stage) -> None:
    stage.put(NAME)
    stage.put(OTHER)

    async def deny(_offset: int) -> None:
        stage.manners.before_read = None
        raise asyncssh.SFTPPermissionDenied("not yours")

    stage.manners.before_read = deny
    assert await stage.said() == [(NAME, "failed"), (OTHER, "fetched")]
    assert await stage.said() == [(NAME, "fetched")]


async def test_a_connection_that_breaks_ends_the_fetch_once(stage: Stage) -> None:
    for number in range(5):
        stage.put(f"bkash_20260405_01_c{number + 1}.csv")

    async def drop(_offset: int) -> None:
        stage.manners.connections[-1].abort()

    stage.manners.before_read = drop
    assert [told[1] for told in await stage.said()] == ["failed"]
    assert stage.inbox == {}


async def test_a_host_key_that_is_not_the_pinned_one_is_never_trusted(stage: Stage) -> None:
    stage.put(NAME)
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    (told,) = await stage.fetch(host_key=other)
    assert told.outcome.value == "failed"
    assert "not trusted" in told.reason
    assert stage.inbox == {}


async def test_a_key_that_the_server_does_not_know_opens_nothing(stage: Stage) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    (stage.home / "key").write_bytes(stranger)
    (told,) = await stage.fetch()
    assert told.outcome.value == "failed"
    assert "Permission denied" in told.reason


async def test_a_key_that_others_may_read_is_not_used(stage: Stage) -> None:
    (stage.home / "key").chmod(0o644)
    (told,) = await stage.fetch()
    assert "others may read" in told.reason


async def test_a_server_that_is_gone_spoils_nothing(stage: Stage) -> None:
    (told,) = await stage.fetch(port=1)
    assert told.outcome.value == "failed"
