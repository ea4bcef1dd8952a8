"""`ekpay restore check`: what was sent and is not in the books, in words and for programs."""

import json
from dataclasses import replace
from pathlib import Path

from ekpay_switch.composition.switch import SEND_CODES, send_sealer
from ekpay_switch.persistence.sends.journal import FileSendsJournal
from ekpay_switch.security.keys import KeyRing
from tests.cli.command_result import Ekpay
from tests.cli.two_persons import on_the_staff
from tests.persistence.sends.a_send import a_send

ASKER, APPROVER = "a passphrase of who asks", "another of who approves"
REHEARSAL = {"EKPAY_REHEARSAL": "true", "EKPAY_DESCO_POSTPAID_URL": "http://127.0.0.1:1"}


def write_journal(home: Path, folder: Path, *references: str, partner: str = "bank1", first: int = 1) -> None:
    """Sends of which the nth has the names and the quote of the number `first` + n."""
    keys = KeyRing.open(home)
    journal = FileSendsJournal(folder, keys.sub_key(SEND_CODES), send_sealer(keys))
    for number, reference in enumerate(references, start=first):
        assert journal.write(replace(a_send(number, reference=reference), partner_id=partner))
    journal.close()


def test_without_a_journal_nothing_is_called_sound(ekpay: Ekpay, tmp_path: Path) -> None:
    typed = ekpay("restore", "check", "--journal", str(tmp_path), **REHEARSAL)
    assert typed.code == 1
    assert "it holds no sends journal" in typed.err


def test_what_the_books_do_not_know_is_listed_once_and_stays(
    ekpay: Ekpay, home: Path, tmp_path: Path
) -> None:
    write_journal(home, tmp_path, "ASKEDBACK1", "ASKEDBACK2")
    for new in (2, 0):
        typed = ekpay("restore", "check", "--journal", str(tmp_path), **REHEARSAL)
        assert typed.code == 0, typed.err
        assert f"2 lines, 0 unreadable; {new} sends are new." in typed.out
    listed = json.loads(ekpay("restore", "lost", "--json").out)
    ours = [line for line in listed if line["reference"].startswith("ASKEDBACK")]
    assert [(line["state"], line["is_open"], line["partner_reference"]) for line in ours] == [
        ("unknown", True, "R1"),
        ("unknown", True, "R2"),
    ]
    assert "092512345678" not in ekpay("restore", "lost").out


def test_a_journal_of_another_installation_is_not_believed(ekpay: Ekpay, tmp_path: Path) -> None:
    write_journal(tmp_path / "other", tmp_path / "sends", "STRANGER")
    typed = ekpay("restore", "check", "--journal", str(tmp_path / "sends"), **REHEARSAL)
    assert typed.code == 1
    assert "no line can be read" in typed.err


def test_two_persons_decide_where_nobody_can_be_asked(ekpay: Ekpay, home: Path, tmp_path: Path) -> None:
    for name, secret in (("Sending Asker", ASKER), ("Sending Approver", APPROVER)):
        on_the_staff(ekpay, name, secret)
    write_journal(home, tmp_path, "DECIDED1")
    assert ekpay("restore", "check", "--journal", str(tmp_path), **REHEARSAL).code == 0
    lost_id = next(str(line["id"]) for line in listed(ekpay) if line["reference"] == "DECIDED1")
    words = ("restore", "decide", lost_id, "not_posted", "--reason", "their file lacks it")
    asked = ekpay(*words, "--by", "Sending Asker", EKPAY_STAFF_PASSPHRASE=ASKER)
    assert asked.code == 0, asked.err
    assert f"ekpay restore approve-decision {lost_id}" in asked.out
    alone = ekpay(
        "restore", "approve-decision", lost_id, "--by", "Sending Asker", EKPAY_APPROVER_PASSPHRASE=ASKER
    )
    assert (alone.code, "second person" in alone.err) == (1, True)
    done = ekpay(
        "restore", "approve-decision", lost_id, "--by", "Sending Approver", EKPAY_APPROVER_PASSPHRASE=APPROVER
    )
    assert "It counts as not posted." in done.out
    assert [line["is_open"] for line in listed(ekpay) if line["id"] == lost_id] == [False]


def test_what_cannot_be_booked_is_listed_with_its_reason(ekpay: Ekpay, home: Path, tmp_path: Path) -> None:
    # A quote of its own: where bank1 is known by then, those of the other tests are booked.
    write_journal(home, tmp_path, "UNBOOKED1", partner="added_later", first=901)
    assert ekpay("restore", "check", "--journal", str(tmp_path), **REHEARSAL).code == 0
    booked = json.loads(ekpay("restore", "book", "--json", **REHEARSAL).out)
    (line,) = [line for line in booked if line["reference"] == "UNBOOKED1"]
    # Its partner was added after the backup.
    assert line["booking_refusal"].startswith("it could not be booked")
    assert line["is_open"]


def listed(ekpay: Ekpay) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = json.loads(ekpay("restore", "lost", "--json").out)
    return lines


def test_where_the_journals_are_lost_too_a_check_says_so(ekpay: Ekpay, home: Path, tmp_path: Path) -> None:
    both = ekpay("restore", "check", "--without-journal", "--journal", str(tmp_path), **REHEARSAL)
    assert (both.code, "or say that there is none" in both.err) == (2, True)
    write_journal(home, tmp_path, "KEPT1")
    held = ekpay("restore", "check", "--without-journal", **REHEARSAL, EKPAY_SENDS_JOURNAL=str(tmp_path))
    assert (held.code, "holds a journal" in held.err) == (2, True), held.err
    typed = ekpay("restore", "check", "--without-journal", **REHEARSAL)
    assert typed.code == 0, typed.err
    assert "0 lines, 0 unreadable; 0 sends are new." in typed.out
