"""The audit finds who is on the staff without two persons, whatever a superuser has written."""

import pytest

from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

FORGED = """
INSERT INTO staff (name, passphrase_hash, roles, came_by{more}) VALUES ('Intruder', 'x', '["finance"]', {way})
"""


@pytest.fixture
async def staffed(books: Books) -> Books:
    await books.tell(persons("Rahima", "Karim", "Selim"))
    assert await books.audit() is None
    return books


async def _tamper(books: Books, statement: str) -> None:
    """What a superuser does who switches the triggers off."""
    await books.tell(f"SET session_replication_role = replica; {statement}; RESET session_replication_role")


@pytest.mark.parametrize(
    ("statement", "subject", "why"),
    [
        (FORGED.format(more="", way="'installation'"), "Intruder", "no two persons"),
        (FORGED.format(more="", way="'before'"), "Intruder", "no two persons"),
        (
            FORGED.format(more=", added_by_change", way="'two_persons', (SELECT id FROM access_changes)"),
            "Intruder",
            "no two persons",
        ),
        (FORGED.format(more=", came_reason", way="'recovery', 'lost'"), "Intruder", "no alarm says so"),
        ("UPDATE staff SET roles = '[\"operator\"]' WHERE name = 'Selim'", "Selim", "roles are not those"),
        (
            "UPDATE staff SET roles = '[]', roles_by_change = gen_random_uuid() WHERE name = 'Karim'",
            "Karim",
            "roles are not those",
        ),
        ("UPDATE staff SET passphrase_hash = 'mine' WHERE name = 'Selim'", "Selim", "without a code"),
        (
            "UPDATE staff SET passphrase_by_change = gen_random_uuid() WHERE name = 'Karim'",
            "Karim",
            "without a code",
        ),
        (
            "UPDATE staff SET disabled_at = now(), disabled_by = name WHERE name = 'Selim'",
            "Selim",
            "disabled themselves",
        ),
    ],
)
async def test_a_person_whom_nobody_gave_their_rights_is_found(
    staffed: Books, statement: str, subject: str, why: str
) -> None:
    await _tamper(staffed, statement)
    found = await staffed.audit()
    assert found is not None
    assert found.row == f"staff {subject}"
    assert why in found.why


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE access_changes SET approved_by = asked_by", "one person"),
        ("UPDATE access_changes SET approved_by = subject", "about themselves"),
        (
            "UPDATE staff SET disabled_at = created_at, disabled_by = 'Selim' WHERE name = 'Rahima'",
            "not on the staff any more",
        ),
        (
            "UPDATE staff SET disabled_at = created_at, disabled_by = 'Selim' WHERE name = 'Karim'",
            "not on the staff any more",
        ),
    ],
)
async def test_an_approval_that_two_persons_did_not_give_is_found(
    staffed: Books, statement: str, why: str
) -> None:
    for name in ("two_persons", "another_person"):
        await staffed.tell(f"ALTER TABLE access_changes DROP CONSTRAINT ck_access_changes_{name}")
    await _tamper(staffed, statement)
    found = await staffed.audit()
    assert found is not None
    assert found.row.startswith("access_changes ")
    assert why in found.why


async def test_who_leaves_later_leaves_what_they_approved(staffed: Books) -> None:
    await staffed.tell("UPDATE staff SET disabled_at = now(), disabled_by = 'Selim' WHERE name = 'Karim'")
    assert await staffed.audit() is None
