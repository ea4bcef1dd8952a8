"""That one shell is not two persons is held by the tables as well, against the application and its owner."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from ekpay_switch.persistence.parties.staff import Role, Staff, TwoPersonsError
from ekpay_switch.persistence.parties.staff_changes import StaffChanges
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

NEW = "INSERT INTO staff (name, passphrase_hash, roles{more}) VALUES ('Selim', '{hash}', '{roles}'{values})"
FINANCE = '["finance"]'
ASK = """
INSERT INTO access_changes (id, kind, subject, terms, reason, asked_by, first_part_hash)
VALUES (gen_random_uuid(), 'staff_added', $1, '{"roles": ["finance"]}', '', $2, '') RETURNING id
"""
APPROVE = """
UPDATE access_changes SET approved_by = $2, approved_at = now(), second_part_hash = '',
  code_until = now() + interval '1 hour' WHERE id = $1
"""
OF_TWO = """
INSERT INTO staff (name, passphrase_hash, roles, came_by, added_by_change)
VALUES ('Selim', '', '["finance"]', 'two_persons', $1)
"""
LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = $2 WHERE name = $1"
Refused = asyncpg.CheckViolationError


@pytest.fixture
async def app(books: Books) -> AsyncIterator[asyncpg.Connection]:
    """The application's own role, where Rahima and Karim are on the staff."""
    await books.tell(persons("Rahima", "Karim"))
    connection = await books.database.connect()
    yield connection
    await connection.close()


async def test_one_shell_is_not_two_persons_with_sql_either(books: Books, app: asyncpg.Connection) -> None:
    for way in ("installation", "before"):
        new = NEW.format(more=", came_by", hash="x", roles=FINANCE, values=f", '{way}'")
        for tell in (app.execute, books.tell):
            with pytest.raises(Refused, match="two persons add a person"):
                await tell(new)
    with pytest.raises(Refused, match="two persons add a person"):
        await app.execute(
            NEW.format(more=", came_by, came_reason", hash="x", roles=FINANCE, values=", 'recovery', 'lost'")
        )


async def test_the_first_two_are_of_finance(books: Books) -> None:
    with pytest.raises(Refused, match="of finance"):
        await books.tell(NEW.format(more="", hash="x", roles='["operator"]', values=""))


@pytest.mark.parametrize(
    ("asks", "approves"), [("Rahima", "Rahima"), ("Rahima", "Nasima"), ("Nasima", "Karim")]
)
async def test_a_person_takes_two_who_are_of_finance_at_that_moment(
    books: Books, app: asyncpg.Connection, asks: str, approves: str
) -> None:
    await books.tell(persons("Nasima"))
    change_id = await app.fetchval(ASK, "Selim", asks)
    await app.execute(LEFT, "Nasima", "Rahima")
    with pytest.raises(Refused):
        await app.execute(APPROVE, change_id, approves)
    with pytest.raises(Refused):
        await app.execute(ASK, "Somebody", "Nasima")
    with pytest.raises(Refused, match="two persons add a person"):
        await app.execute(OF_TWO, change_id)


async def test_a_person_comes_by_the_approval_of_this_very_transaction(app: asyncpg.Connection) -> None:
    change_id = await app.fetchval(ASK, "Selim", "Rahima")
    await app.execute(APPROVE, change_id, "Karim")
    with pytest.raises(Refused, match="two persons add a person"):
        await app.execute(OF_TWO, change_id)
    again = await app.fetchval(ASK, "Selim", "Rahima")
    async with app.transaction():
        await app.execute(APPROVE, again, "Karim")
        await app.execute(OF_TWO, again)


async def test_what_is_about_a_person_they_do_not_approve(books: Books, app: asyncpg.Connection) -> None:
    change_id = await app.fetchval(ASK, "Karim", "Rahima")
    with pytest.raises(Refused, match="another_person"):
        await app.execute(APPROVE, change_id, "Karim")
    assert await books.value("SELECT approved_by FROM access_changes") is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE access_changes SET asked_by = 'Karim'",
        "UPDATE access_changes SET terms = '{}'",
        "UPDATE access_changes SET asked_at = now()",
        "DELETE FROM access_changes",
        "UPDATE staff SET came_by = 'before'",
        "UPDATE staff SET name = 'Selim' WHERE name = 'Karim'",
        "UPDATE staff SET added_by_change = gen_random_uuid()",
        "DELETE FROM staff",
    ],
)
async def test_the_application_cannot_change_who_did_it(app: asyncpg.Connection, change: str) -> None:
    await app.execute(ASK, "Selim", "Rahima")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE access_changes SET approved_by = 'Nasima'", "decided once"),
        ("UPDATE access_changes SET approved_by = NULL, approved_at = NULL", "decided once"),
        ("UPDATE access_changes SET code_until = now() + interval '9 days'", "decided once"),
        ("UPDATE access_changes SET code_used_at = now() + interval '2 hours'", "code_used_in_time"),
        ('UPDATE staff SET roles = \'["finance", "operator"]\'', "change the roles"),
        ("UPDATE staff SET passphrase_hash = 'mine' WHERE name = 'Karim'", "code of two persons"),
        ("UPDATE staff SET disabled_at = now(), disabled_by = name", "another person"),
        ("UPDATE staff SET disabled_at = now(), disabled_by = 'nobody'", "another person"),
        (
            "UPDATE staff SET passphrase_hash = 'mine', passphrase_by_change = added_by_change",
            "code of two persons",
        ),
    ],
)
async def test_what_two_persons_gave_changes_by_two_persons_alone(
    books: Books, app: asyncpg.Connection, change: str, why: str
) -> None:
    change_id = await app.fetchval(ASK, "Selim", "Rahima")
    await books.tell(persons("Nasima"))
    async with app.transaction():
        await app.execute(APPROVE, change_id, "Karim")
        await app.execute(OF_TWO, change_id)
    before = await books.rows("SELECT * FROM staff ORDER BY name")
    with pytest.raises(Refused, match=why):
        await app.execute(change + (" WHERE subject = 'Selim'" if "access_changes SET" in change else ""))
    assert await books.rows("SELECT * FROM staff ORDER BY name") == before


async def test_somebody_who_was_disabled_does_not_come_back_by_the_application(
    books: Books, app: asyncpg.Connection
) -> None:
    await books.tell(persons("Nasima"))
    await app.execute(LEFT, "Nasima", "Rahima")
    with pytest.raises(Refused, match="once"):
        await app.execute("UPDATE staff SET disabled_at = NULL, disabled_by = NULL WHERE name = 'Nasima'")
    with pytest.raises(Refused, match="another person"):
        await app.execute(LEFT, "Rahima", "Nasima")


async def test_of_many_who_come_at_once_two_are_the_first(books: Books) -> None:
    engine = books.database.engine()
    staff = Staff(engine)
    came = await asyncio.gather(
        *(staff.install(f"person {number}", "correct horse battery", [Role.FINANCE]) for number in range(4)),
        return_exceptions=True,
    )
    await engine.dispose()
    assert sorted(type(one).__name__ for one in came) == ["StaffMember"] * 2 + [TwoPersonsError.__name__] * 2
    assert await books.count("staff") == 2


async def test_of_two_who_disable_each_other_at_once_one_stays(books: Books) -> None:
    await books.tell(persons("Rahima", "Karim"))
    engine = books.database.engine()
    staff = Staff(engine)
    await asyncio.gather(
        staff.disable("Rahima", "Karim"), staff.disable("Karim", "Rahima"), return_exceptions=True
    )
    await engine.dispose()
    assert await books.value("SELECT count(*) FROM staff WHERE disabled_at IS NULL") == 1


async def test_a_change_is_approved_once_by_whoever_comes_first(books: Books) -> None:
    await books.tell(persons("Rahima", "Karim", "Nasima"))
    engine = books.database.engine()
    changes = StaffChanges(engine)
    asked = await changes.ask_roles("Selim", [Role.OPERATOR], "Rahima")
    done = await asyncio.gather(
        *(changes.approve(asked.change_id, name) for name in ("Karim", "Nasima", "Karim")),
        return_exceptions=True,
    )
    await engine.dispose()
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert await books.audit() is None
