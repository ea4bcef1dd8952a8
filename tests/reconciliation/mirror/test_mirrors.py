"""Lines at sight through mirrors are those of the tables, whatever is odd, late, damaged or missing."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.digests import sha256_of
from reconciliation.mirror import make_mirrors as make
from reconciliation.mirror.make_mirrors import MirrorCounts, first_difference, make_missing, required_mirrors
from reconciliation.mirror.mirror_folder import MirrorFault, MirrorFolder
from reconciliation.mirror.mirrored_lines import MirroredLines, Mirrors
from reconciliation.postgres_arrow import Database
from reconciliation.resolutions.break_audit import first_broken
from tests.examples import examples
from tests.reconciliation.mirror.mirror_scene import DAY, HOUR, NOON, Line, Scene


@pytest.fixture
def scene(place: Endpoint, tmp_path: Path) -> Iterator[Scene]:
    with Database(place.dsn("ekpay_audit")) as books:
        yield Scene(place, books, MirrorFolder.of(tmp_path))


@pytest.fixture
async def stood(scene: Scene) -> Scene:
    """Five lines of which four are plain, mirrored."""
    await scene.somebody("upay")
    await scene.freeze([Line(f"R{number}", movement=number, gross=number * 100) for number in range(1, 5)])
    await scene.freeze([Line("R5", movement=5, status="unknown")])
    assert await scene.make() == MirrorCounts(1, 4, 0)
    return scene


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
LINES = st.builds(
    Line,
    reference=st.sampled_from(["R1", "R2", "R\n3", "it's \\", "\N{BENGALI DIGIT ONE}", ",\"'"]) | TEXTS,
    day=st.integers(0, 2),
    hour=st.integers(-14, 40),
    role=st.sampled_from(["connector", "connector", "biller", "merchant", "partner"]),
    movement=st.integers(0, 4),
    event=st.sampled_from(["payment", "payment", "payment", "refund", "reversal"]),
    status=st.sampled_from(["success", "success", "success", "failed", "unknown"]),
    currency=st.sampled_from(["BDT", "BDT", "BDT", "USD"]),
    gross=st.integers(-(10**12), 10**12),
)
NUMBERS = iter(range(10**6))


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(st.lists(LINES, max_size=14), st.lists(LINES, max_size=6))
def test_mirrors_and_what_came_behind_them_are_what_the_tables_hold(
    scene: Scene, first: list[Line], later: list[Line]
) -> None:
    asyncio.run(_compared(scene, first, later))


async def _compared(scene: Scene, first: list[Line], later: list[Line]) -> None:
    await scene.somebody(f"party{next(NUMBERS)}")
    await scene.freeze(first)
    before = scene.last
    await scene.make()
    scene.agrees()
    await scene.freeze(later)
    scene.agrees()
    scene.agrees(before)
    # Only what stood before the newest line of a mirror is asked for: the mirror does not say which that is.
    scene.agrees(before - 1)
    await scene.make()
    scene.agrees()
    assert not scene.alarms


async def test_plain_lines_come_out_of_the_mirror_alone(stood: Scene) -> None:
    assert stood.agrees() == 8
    lines = stood.mirrored()
    assert lines.at_sight().height == 5
    assert lines.mirrored == 4
    assert lines.of(["R5"])["ours"].to_list() == ["R5"]
    assert lines.rows_with_references([""]).height == 5
    assert lines.mirrored == 4


async def test_nothing_but_what_no_mirror_holds_is_asked_for(
    stood: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query = Database.query

    def heard(books: Database, sql: str) -> pl.DataFrame:
        asked.append(sql)
        return query(books, sql)

    monkeypatch.setattr(Database, "query", heard)
    await stood.freeze([Line("R9", day=1, movement=9, hour=20)])
    lines = stood.mirrored()
    lines.at_sight()
    rest = asked[-1]
    assert "business_date IN ('2026-04-06','2026-04-07')" in rest
    assert stood.agrees() == 8
    await stood.make()
    asked.clear()
    stood.mirrored().at_sight()
    assert "business_date IN ('2026-04-07')" in asked[-1]


async def test_a_partner_is_no_biller_of_its_name(scene: Scene) -> None:
    await scene.somebody("acme")
    await scene.freeze([Line("P", role="partner", movement=1), Line("B", role="biller", movement=2)])
    async with scene.connected("ekpay_app") as connection:
        wanted = await required_mirrors(connection, ["partner_acme", "acme", "nobody"], DAY)
        assert [one.institution for one in wanted] == ["acme", "partner_acme"]
        await make_missing(connection, scene.books, scene.folder, wanted)
    for name, reference in (("partner_acme", "P"), ("acme", "B")):
        lines = replace(scene.frozen(), institution=name)
        through = MirroredLines(lines, Mirrors(scene.folder, scene.alarms.append))
        assert through.at_sight()["reference"].to_list() == [reference]
        assert through.mirrored == 1


async def test_a_mirror_of_a_window_that_got_a_line_does_not_count_until_it_is_made_again(
    stood: Scene,
) -> None:
    await stood.freeze([Line("R6", movement=6)])
    assert stood.agrees() == 0
    assert not stood.alarms
    assert await stood.make() == MirrorCounts(1, 5, 0)
    assert stood.agrees() == 10
    assert [one.rows for one in await stood.rows()] == [4, 5]


async def test_made_twice_it_stands(stood: Scene) -> None:
    assert await stood.make() == MirrorCounts(0, 0, 1)
    assert len(await stood.rows()) == 1
    assert len([path for path in stood.folder.path.rglob("*") if path.is_file()]) == 1


async def test_only_we_may_read_it(stood: Scene) -> None:
    (bound,) = await stood.rows()
    place = stood.folder.place(bound.sha256)
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (Path.unlink, "the file is missing"),
        (_cut, "its bytes are not those that were written"),
        (_changed, "its bytes are not those that were written"),
        (lambda path: path.write_bytes(b""), "its bytes are not those that were written"),
        (_folder_instead, "Is a directory"),
    ],
)
async def test_a_damaged_file_is_not_used_and_somebody_is_told(
    stood: Scene, damage: Callable[[Path], object], why: str
) -> None:
    (bound,) = await stood.rows()
    place = stood.folder.place(bound.sha256)
    damage(place)
    assert stood.agrees() == 0
    assert len(stood.alarms) == 2  # two spans have instants of it
    assert stood.alarms[0].startswith("alarm mirror_not_used: upay 2026-04-05, window ")
    assert why in stood.alarms[0]
    assert bound.sha256 in stood.alarms[0]
    if place.is_dir():
        place.rmdir()
    assert await stood.make() == MirrorCounts(1, 4, 0)
    stood.alarms.clear()
    assert stood.agrees() == 8
    assert not stood.alarms
    assert (await stood.rows())[-1].sha256 == bound.sha256


@pytest.mark.parametrize("change", [{"rows": 3}, {"gross": 1}])
async def test_a_row_that_says_something_else_is_not_believed(stood: Scene, change: dict[str, int]) -> None:
    (bound,) = await stood.rows()
    await stood.bind(replace(bound, **change))  # type: ignore[arg-type]
    assert stood.agrees() == 0
    assert "it holds 4 lines, not the" in stood.alarms[0]


@pytest.mark.parametrize(
    ("content", "why"), [(b"no Parquet", "it cannot be read"), (None, "it has other columns")]
)
async def test_a_file_that_is_no_mirror_is_not_used(stood: Scene, content: bytes | None, why: str) -> None:
    (bound,) = await stood.rows()
    if content is None:
        other = {"reference": ["R"], "gross": ["1"], "net": [1], "instant": [NOON]}
        digest = stood.folder.write(pl.DataFrame(other))
    else:
        digest = sha256_of(content)
        stood.folder.place(digest).parent.mkdir(exist_ok=True)
        stood.folder.place(digest).write_bytes(content)
    await stood.bind(replace(bound, sha256=digest))
    assert stood.agrees() == 0
    assert why in stood.alarms[0]


async def test_what_died_half_written_is_nothing(stood: Scene) -> None:
    old, new = (stood.folder.path / f".being-written-{name}" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"PAR1")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    assert stood.agrees() == 8
    await stood.make()
    assert (old.exists(), new.exists()) == (False, True)


async def test_killed_between_the_file_and_its_row_it_is_made_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.somebody("upay")
    await scene.freeze([Line("R1")])

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(make, "write_binding", killed)
        with pytest.raises(KeyboardInterrupt):
            await scene.make()
    (left,) = [path for path in scene.folder.path.rglob("*") if path.is_file()]
    assert scene.agrees() == 0
    assert not scene.alarms
    assert await scene.make() == MirrorCounts(1, 1, 0)
    assert [one.sha256 for one in await scene.rows()] == [left.name]
    assert scene.agrees() == 2


async def test_windows_that_are_open_have_no_mirror(scene: Scene) -> None:
    await scene.somebody("upay")
    await scene.freeze([Line("R1")])
    async with scene.connected("ekpay_owner") as connection:
        await connection.execute("UPDATE settlement_windows SET state = 'open', closed_at = NULL")
    assert await scene.wanted() == []


async def test_differences_from_the_tables_are_named(stood: Scene) -> None:
    await stood.freeze([Line("R8", day=1, movement=8)])
    has, lacks = await stood.wanted()
    assert first_difference(stood.books, stood.folder, has) == ""
    assert first_difference(stood.books, stood.folder, lacks) == "upay 2026-04-06: there is no mirror of it"
    async with stood.connected("postgres") as connection:
        await connection.execute("UPDATE ledger_lines SET our_reference = 'R0' WHERE our_reference = 'R1'")
    told = first_difference(stood.books, stood.folder, has)
    assert told == "upay 2026-04-05: the mirror and the tables hold other lines"
    assert has.bound
    stood.folder.place(has.bound.sha256).unlink()
    assert first_difference(stood.books, stood.folder, has) == "upay 2026-04-05: the file is missing"
    assert isinstance(stood.folder.read(has.bound), MirrorFault)


@pytest.mark.parametrize("role", ["ekpay_app", "ekpay_audit"])
@pytest.mark.parametrize("what", ["UPDATE {} SET rows = 1", "DELETE FROM {}", "TRUNCATE {}"])
async def test_rows_are_changed_by_nobody(stood: Scene, role: str, what: str) -> None:
    async with stood.connected(role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(what.format("reconciliation.mirrors"))


async def test_rows_are_added_by_the_application_alone(stood: Scene) -> None:
    (bound,) = await stood.rows()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await stood.bind(bound, "ekpay_audit")


@pytest.mark.parametrize(
    "change",
    [{"rows": 0}, {"sha256": "x"}, {"last_line": 1}, {"last_ordinal": 1}, {"last_instant": NOON - HOUR}],
)
async def test_rows_that_cannot_be_are_refused(stood: Scene, change: dict[str, object]) -> None:
    (bound,) = await stood.rows()
    with pytest.raises(asyncpg.CheckViolationError):
        await stood.bind(replace(bound, **change))  # type: ignore[arg-type]


async def test_the_audit_names_a_mirror_of_what_was_never_frozen(stood: Scene) -> None:
    (bound,) = await stood.rows()
    async with stood.connected("ekpay_audit") as connection:
        assert await first_broken(connection) is None
        await stood.bind(replace(bound, last_ordinal=99))
        found = await first_broken(connection)
    assert found is not None
    assert found.row.startswith("reconciliation.mirrors ")
