"""The road past one machine: ClickHouse and Spark must give the digests of Polars (`make test-scale`)."""

from collections.abc import Iterator

import polars as pl
import pytest

from reconciliation.canonical_row import FILE, LEDGER
from reconciliation.matching.engines import Engine, PolarsEngine, digest, kernel_columns
from reconciliation.matching.row_pool import judge_pool
from tests.reconciliation.row_pools import KINDS, many, tangled
from tests.reconciliation.scale.scale_engines import ClickHouseEngine, SparkEngine


@pytest.fixture(scope="module", params=["clickhouse", "pyspark"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "clickhouse":
        yield ClickHouseEngine(folder)
        return
    spark = SparkEngine(folder)
    yield spark
    spark.close()


def sides(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        name: kernel_columns(rows.filter(pl.col("source") == source))
        for name, source in (("ledger", LEDGER), ("file", FILE))
    }


@pytest.mark.parametrize("rows", [many(20_000), tangled(400), tangled(2_000, seed=2), tangled(0)])
def test_the_digests_are_those_of_polars(engine: Engine, rows: pl.DataFrame) -> None:
    sources = sides(rows)
    polars = PolarsEngine()
    assert digest(engine.unsettled_families(sources)) == digest(polars.unsettled_families(sources))
    assert digest(engine.judge(sources)) == digest(polars.judge(sources))


def test_the_whole_judgement_is_the_same(engine: Engine) -> None:
    rows = many(5_000, seed=3)
    judged, same = judge_pool(rows, engine, KINDS), judge_pool(rows, PolarsEngine(), KINDS)
    assert judged.findings == same.findings
    assert judged.rows.equals(same.rows)


def test_what_was_asked_is_kept_as_sql(engine: Engine) -> None:
    assert engine.sql().count("UNION ALL") == 3
