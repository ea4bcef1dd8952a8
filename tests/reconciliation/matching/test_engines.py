"""DuckDB, Polars and PostgreSQL must say the same of any pool; the digest of what they say is the proof."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.canonical_row import BRINGS, FAILED, FAMILY, FILE, LEDGER, MATCHED, TAKES_BACK
from reconciliation.matching.engine_choice import ByInstitution
from reconciliation.matching.engines import (
    DuckDbEngine,
    Engine,
    PolarsEngine,
    Sources,
    digest,
    kernel_columns,
)
from reconciliation.matching.kernel_verdicts import AGREED, LOOK
from reconciliation.matching.row_pool import judge_pool
from tests.examples import examples
from tests.reconciliation.matching.postgres_engine import PostgresEngine
from tests.reconciliation.row_pools import KINDS, many, pool, pools, row

few = settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def engines(
    endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Engine, Engine]]:
    duckdb = DuckDbEngine(tmp_path_factory.mktemp("spill"))
    yield duckdb, PolarsEngine(), PostgresEngine(endpoint.dsn("ekpay_owner"))
    duckdb.close()


def sides(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        name: kernel_columns(rows.filter(pl.col("source") == source))
        for name, source in (("ledger", LEDGER), ("file", FILE))
    }


def digests(rows: pl.DataFrame, engines: tuple[Engine, ...]) -> list[tuple[str, str]]:
    sources = sides(rows)
    return [(digest(engine.unsettled_families(sources)), digest(engine.judge(sources))) for engine in engines]


@few
@given(rows=pools())
def test_three_engines_say_the_same_of_any_pool(
    engines: tuple[Engine, Engine, Engine], rows: pl.DataFrame
) -> None:
    first, *others = digests(rows, engines)
    assert others == [first, first]


def test_three_engines_say_the_same_of_twenty_thousand_payments(
    engines: tuple[Engine, Engine, Engine],
) -> None:
    rows = many(20_000)
    first, *others = digests(rows, engines)
    assert others == [first, first]
    judged = [judge_pool(rows, engine, KINDS) for engine in engines]
    assert len({digest(one.groups) for one in judged}) == 1
    assert len(judged[0].findings) > 1_000
    assert all(one.findings == judged[0].findings for one in judged)
    assert all(one.rows.equals(judged[0].rows) for one in judged)


@few
@given(rows=pools())
def test_what_is_settled_at_first_sight_agrees_by_the_full_count(rows: pl.DataFrame) -> None:
    engine, sources = PolarsEngine(), sides(rows)
    groups = engine.judge(sources)
    settled = groups.join(engine.unsettled_families(sources), on=list(FAMILY), how="anti")
    assert set(settled["verdict"]) <= {AGREED}


@pytest.mark.parametrize(
    "theirs",
    [
        {"net": 10_001},
        {"gross": 10_151},
        {"currency": "USD"},
        {"status": FAILED},
        {"direction": TAKES_BACK},
        {"rejected": "no such time"},
        {"institution": "bkash"},
        {"reference": "B"},
    ],
)
def test_a_family_in_which_anything_differs_is_not_settled_at_first_sight(
    engines: tuple[Engine, Engine, Engine], theirs: dict[str, Any]
) -> None:
    told: dict[str, Any] = {"reference": "A", "net": 10_000} | theirs
    rows = pool([row(LEDGER, 1, "A"), row(FILE, 1, **told)])
    for engine in engines:
        assert ("npsb", "A") in engine.unsettled_families(sides(rows)).rows(), engine.name


def test_a_net_alone_is_settled_by_the_net(engines: tuple[Engine, Engine, Engine]) -> None:
    rows = pool([row(LEDGER, 1, "A"), row(FILE, 1, "A", gross=None)])
    for engine in engines:
        assert engine.unsettled_families(sides(rows)).is_empty(), engine.name


@few
@given(rows=pools())
def test_institutions_judged_apart_come_to_the_same(
    engines: tuple[Engine, Engine, Engine], rows: pl.DataFrame
) -> None:
    duckdb, polars, _ = engines
    whole = judge_pool(rows, duckdb, KINDS)
    for rows_max in (0, 3, 1_000):
        apart = judge_pool(rows, ByInstitution(polars, duckdb, rows_max), KINDS)
        assert digest(apart.groups) == digest(whole.groups)
        assert apart.findings == whole.findings
        assert apart.rows.equals(whole.rows)


def test_a_giant_goes_to_the_engine_with_bounded_memory() -> None:
    rows = many(300)
    names: list[str] = []

    class Named(PolarsEngine):
        def unsettled_families(self, sources: Sources) -> pl.DataFrame:
            names.append(self.name)
            return super().unsettled_families(sources)

    giant = rows["institution"].value_counts().sort("count")["count"][-1]
    both = ByInstitution(Named("fast"), Named("bounded"), rows_max=giant - 1)
    both.unsettled_families(sides(rows))
    assert sorted(names) == ["bounded", "fast", "fast"]
    names.clear()
    ByInstitution(Named("fast"), Named("bounded")).unsettled_families(sides(rows))
    assert names == ["fast"]


def test_rows_settled_at_first_sight_are_not_counted_again() -> None:
    rows = many(1_000)
    asked: list[int] = []

    class Watched(PolarsEngine):
        def judge(self, sources: Sources) -> pl.DataFrame:
            asked.append(sum(frame.height for frame in sources.values()))
            return super().judge(sources)

    judged = judge_pool(rows, Watched(), KINDS)
    unsettled = judged.rows.join(judged.groups.select(FAMILY).unique(), on=list(FAMILY), how="semi")
    assert asked == [unsettled.height]
    rest = judged.rows.join(unsettled, on=list(FAMILY), how="anti")
    assert set(rest["verdict"]) == {MATCHED}
    assert set(rest["direction"]) == {BRINGS}


def test_a_pool_of_nothing_comes_to_nothing() -> None:
    judged = judge_pool(pool([]), PolarsEngine(), KINDS)
    assert (judged.rows.height, judged.findings) == (0, [])


def test_what_an_engine_was_asked_is_kept_as_sql(engines: tuple[Engine, Engine, Engine]) -> None:
    for engine in engines:
        text = engine.sql()
        assert text.count("UNION ALL") == 3
        assert LOOK in text
    assert engines[0].sql() == engines[1].sql()


def test_a_tight_memory_limit_changes_nothing(tmp_path: Path) -> None:
    rows = many(20_000, seed=2)
    tight = DuckDbEngine(tmp_path, memory_limit="64MB")
    try:
        said = digests(rows, (tight, PolarsEngine()))
    finally:
        tight.close()
    assert said[0] == said[1]


def test_rows_of_one_institution_are_asked_about_without_its_name(
    engines: tuple[Engine, Engine, Engine],
) -> None:
    rows = many(500, seed=4).filter(pl.col("institution") == "npsb")
    named = PolarsEngine().unsettled_families(sides(rows))
    bare = {name: side.drop("institution") for name, side in sides(rows).items()}
    for engine in engines:
        answer = engine.unsettled_families(bare)
        assert sorted(answer["reference"]) == sorted(named["reference"]), engine.name
        assert answer.columns == ["reference"], engine.name
