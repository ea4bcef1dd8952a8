"""The parties of a rehearsal are kept for their owner alone, and never replaced silently."""

from pathlib import Path

import pytest

from sandbox.rehearsals.installation.parties import (
    Parties,
    PartiesUnreadableError,
    Person,
    StagePartner,
    load,
    save,
)


def a_cast() -> Parties:
    player = StagePartner("bank", "A Bank", "NS1", "s1", "bank", "pass-key", "s" * 32)
    people = (Person("rahima", "a passphrase"), Person("tanvir", "another one"))
    return Parties("http://127.0.0.1:8180", people, (player,))


def test_the_secrets_of_a_cast_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    save(a_cast(), tmp_path)
    assert load(tmp_path) == a_cast()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert "pass-key" not in repr(a_cast())
    assert "passphrase" not in repr(a_cast())


def test_a_cast_that_cannot_be_read_is_not_replaced_silently(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    save(a_cast(), tmp_path)
    (tmp_path / "partners.json").write_text("{}")
    with pytest.raises(PartiesUnreadableError):
        load(tmp_path)
