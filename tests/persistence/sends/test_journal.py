"""The journal as files: one line a send, sealed where it is personal, recognised where it was cut off."""

import errno
import hmac
import json
import os
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from asyncpg.pgproto.pgproto import UUID as StoredId  # noqa: N811 - the driver names it so

from ekpay_switch.domain.host_messages import Trace
from ekpay_switch.persistence.sends.journal import FileSendsJournal, drop_old_sends, file_name, read_journal
from ekpay_switch.persistence.sends.parts import SendLine, TraceLine, read_line, unseal_line
from tests.persistence.sends.a_send import CODE_KEY, SEALER, a_send

NOON = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
TODAY = NOON.date()


def a_journal(folder: Path) -> FileSendsJournal:
    return FileSendsJournal(folder, CODE_KEY, SEALER)


def lines(folder: Path, day: date = TODAY) -> list[bytes]:
    return [line for line in (folder / file_name(day)).read_bytes().split(b"\n") if line]


def test_a_line_is_in_the_file_once_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "sends"
    assert a_journal(folder).write(a_send())
    (line,) = lines(folder)
    text, _, code = line.partition(b"\t")
    assert len(code) == 24
    assert json.loads(text)["far_side"] == "desco_postpaid"


def test_a_payment_that_was_read_from_the_database_is_written_too(tmp_path: Path) -> None:
    """The driver has a class of its own for identifiers, which no serializer knows."""
    send = a_send()
    assert send.claim is not None
    claim = replace(send.claim, attempt_id=StoredId(str(send.claim.attempt_id)))
    assert a_journal(tmp_path).write(replace(send, payment_id=StoredId(str(send.payment_id)), claim=claim))
    (line,) = read_journal(tmp_path, CODE_KEY)
    assert isinstance(line, SendLine)
    assert unseal_line(line, SEALER) == send


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "sends"
    a_journal(folder).write(a_send())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / file_name(NOON.date())).stat().st_mode) == 0o600


def test_no_bill_and_no_payer_can_be_read(tmp_path: Path) -> None:
    a_journal(tmp_path).write(a_send())
    text = (tmp_path / file_name(NOON.date())).read_text()
    assert "092512345678" not in text
    assert "01711000000" not in text


def test_each_day_has_a_file_and_processes_share_it(tmp_path: Path) -> None:
    one, other = a_journal(tmp_path), a_journal(tmp_path)
    tomorrow = replace(a_send(), sent_at=NOON + timedelta(days=1))
    assert all([one.write(a_send()), other.write(a_send()), one.write(tomorrow), other.write(a_send())])
    assert (len(lines(tmp_path)), len(lines(tmp_path, date(2026, 3, 2)))) == (3, 1)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "sends").write_text("a file where the folder should be")
    assert not a_journal(tmp_path / "sends").write(a_send())


def test_a_line_that_was_written_in_part_counts_as_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, write = a_journal(tmp_path), os.write
    monkeypatch.setattr(os, "write", lambda handle, line: write(handle, line[:40]))
    assert not journal.write(a_send())
    monkeypatch.undo()
    assert journal.write(a_send())
    assert len(lines(tmp_path)[0]) == 39


def test_files_are_dropped_when_their_days_are_over(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        a_journal(tmp_path).write(replace(a_send(), sent_at=datetime(2026, 3, day, tzinfo=UTC)))
    (tmp_path / "else").touch()
    assert drop_old_sends(tmp_path, 7, date(2026, 3, 9)) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "else",
        file_name(date(2026, 3, 2)),
        file_name(date(2026, 3, 3)),
    ]
    assert drop_old_sends(tmp_path / "none", 7, date(2026, 3, 9)) == 0


def test_what_was_written_is_synced_and_a_closed_journal_opens_again(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.sync()
    journal.write(a_send())
    journal.close()
    journal.close()
    assert journal.write(a_send())
    assert len(lines(tmp_path)) == 2


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    sends = [a_send(1), replace(a_send(2), order=None, claim=None)]
    assert all(a_journal(tmp_path).write(send) for send in sends)
    lines = list(read_journal(tmp_path, CODE_KEY))
    read = [line for line in lines if isinstance(line, SendLine)]
    assert [unseal_line(line, SEALER) for line in read] == sends
    assert [line.has_claim for line in read] == [True, False]


def test_a_number_of_a_banks_message_is_read_again(tmp_path: Path) -> None:
    # In Dhaka it is the next day already.
    assert a_journal(tmp_path).keep_trace("601", Trace(42, datetime(2026, 3, 1, 19, tzinfo=UTC)))
    assert list(read_journal(tmp_path, CODE_KEY)) == [TraceLine("601", date(2026, 3, 2), 42)]


def test_a_line_that_was_cut_off_or_changed_is_recognised(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    assert all(journal.write(a_send(number)) for number in (1, 2, 3))
    file = tmp_path / file_name(TODAY)
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"sends":1', b'"sends":9', 1)[:-20])
    assert [line is not None for line in read_journal(tmp_path, CODE_KEY)] == [False, True, False]
    assert not any(read_journal(tmp_path, b"x" * 32))


def test_a_line_that_no_version_of_ours_wrote_is_none() -> None:
    text = b'{"kind":"gift"}'
    code = hmac.digest(CODE_KEY, text, "sha256")[:12].hex().encode()
    assert read_line(text + b"\t" + code, CODE_KEY) is None


def test_a_day_is_synced_before_the_next_and_a_failed_sync_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = a_journal(tmp_path)
    failures, synced = [OSError(errno.EIO, "Input/output error")], list[int]()

    def fsync(handle: int) -> None:
        if failures:
            raise failures.pop()
        synced.append(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert journal.write(a_send())
    with pytest.raises(OSError, match="Input/output"):
        journal.sync()
    assert journal.write(replace(a_send(), sent_at=NOON + timedelta(days=1)))
    assert len(synced) == 1
    journal.close()
    assert len(synced) == 2
