"""What the reconciliation is measured with: a day of one connector in our books, and that connector's file.

One payment in two hundred is a break, a quarter of them of each kind: in our books alone, in the file alone,
of another amount, told twice. Every value follows from the payment's number, so what must be found is known.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Final

import asyncpg
import polars as pl

DAY: Final = date(2026, 4, 1)
INSTITUTION: Final = "upay"
NAME: Final = f"{INSTITUTION}_20260401_01.csv"
_ONE_IN: Final = 800
_MORE: Final = 900  # paisa by which an amount is told otherwise
_ABSENT, _OTHER_AMOUNT, _TWICE = 1, 201, 401
_PREFIX: Final = "EKP26040"
_SEED: Final = 20260401
_TAIL: Final = 3  # digits behind the last comma
_HEADINGS: Final = "txn_id,invoice_id,method,date_time,amount,fee,net,status\n"
_WINDOW: Final = """
INSERT INTO settlement_windows (business_date, state, closed_at) VALUES ($1, 'closed', now()) RETURNING id
"""
# The numbers of `payments` below, counted by the server.
_LINES: Final = f"""
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event, status,
  our_reference, their_reference, gross, fee, vat, net, currency, instant)
SELECT $1, $2, i, 'connector',
  $4::text || CASE WHEN $5::integer = 0 THEN '' ELSE lpad(((i - 1) / $5)::text, 2, '0') END,
  id, id, 'payment', 'success',
  '{_PREFIX}' || lpad(i::text, 12, '0'), 'UP' || lpad((i::bigint * 7)::text, 10, '0'),
  gross, fee, 0, gross - fee, 'BDT', timestamptz '2026-03-31 18:00:00Z' + i % 1000000 * interval '80 ms'
FROM generate_series(1, $3::integer) AS i,
  LATERAL (SELECT 5000 + (i::bigint * 7919) % 500000 AS gross) AS a,
  LATERAL (SELECT (gross * 173 + 5000) / 10000 AS fee,
    ('01980000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid AS id) AS b
"""  # noqa: S608 - constants of this module


async def fill_ledger(
    connection: asyncpg.Connection, rows: int, institution: str = INSTITUTION, each: int = 0
) -> None:
    """`ledger_lines` with a closed window of so many payments that succeeded.

    With `each`, so many of them belong to one institution after the other, numbered from 00.
    """
    window = await connection.fetchval(_WINDOW, DAY)
    await connection.execute(_LINES, window, DAY, rows, institution, each)
    await connection.execute("VACUUM ANALYZE ledger_lines")


def payments(first: int, last: int) -> pl.DataFrame:
    """Payments by their numbers, amounts in paisa."""
    number = pl.col("number")
    gross = 5000 + number * 7919 % 500_000
    fee = (gross * 173 + 5000) // 10_000
    return pl.DataFrame({"number": pl.int_range(first, last + 1, dtype=pl.Int64, eager=True)}).select(
        "number",
        reference=pl.lit(_PREFIX) + number.cast(pl.String).str.zfill(12),
        theirs=pl.lit("UP") + (number * 7).cast(pl.String).str.zfill(10),
        gross=gross,
        fee=fee,
        net=gross - fee,
    )


def file_rows(rows: int, first: int = 1) -> pl.DataFrame:
    """What the file says of `rows` payments from number `first` on, in an order of its own."""
    place = pl.col("number") % _ONE_IN
    known = payments(first, first + rows - 1).filter(place != _ABSENT)
    difference = pl.when(place == _OTHER_AMOUNT).then(_MORE).otherwise(0)
    known = known.with_columns(pl.col("gross") + difference, pl.col("net") + difference)
    # Beyond every number of ours.
    strangers = payments(10**9 + first, 10**9 + first + rows // _ONE_IN - 1)
    return pl.concat([known, known.filter(place == _TWICE), strangers]).sample(
        fraction=1.0, shuffle=True, seed=_SEED
    )


def expected(rows: int, first: int = 1) -> set[tuple[str, str, int]]:
    """Code, reference and amount in paisa of every break that `file_rows` makes."""
    ours = payments(first, first + rows - 1)
    strangers = payments(10**9 + first, 10**9 + first + rows // _ONE_IN - 1)
    place = pl.col("number") % _ONE_IN
    kinds = {
        "LEDGER_ONLY": ours.filter(place == _ABSENT),
        "AMOUNT": ours.filter(place == _OTHER_AMOUNT).with_columns(pl.col("gross") + _MORE),
        "DUP_IN_FILE": ours.filter(place == _TWICE),
        "FILE_ONLY": strangers,
    }
    return {
        (code, reference, amount)
        for code, frame in kinds.items()
        for reference, amount in frame.select("reference", "gross").iter_rows()
    }


def write_file(path: Path, rows: pl.DataFrame) -> None:
    """The file as the institution's layout in config/statements has it, headings, body and totals."""
    time = pl.lit(datetime.combine(DAY, datetime.min.time())) + pl.duration(seconds=pl.col("number") % 86_400)
    body = rows.select(
        "theirs",
        "reference",
        pl.lit("wallet").alias("method"),
        time.dt.strftime("%Y-%m-%d %H:%M:%S").alias("date_time"),
        *(_taka(name) for name in ("gross", "fee", "net")),
        pl.lit("success").alias("status"),
    )
    sums = [_grouped(int(rows[name].sum())) for name in ("gross", "fee", "net")]
    total = ["TOTAL", str(rows.height), "", "", *(f'"{amount}"' for amount in sums), ""]
    with path.open("wb") as file:
        file.write(_HEADINGS.encode())
        body.write_csv(file, include_header=False)
        file.write((",".join(total) + "\n").encode())


def write_lines(path: Path, rows: int) -> None:
    """The columns of `ledger_lines` that a bare comparison reads, as Parquet."""
    payments(1, rows).select(
        "gross", "net", our_reference="reference", status=pl.lit("success"), currency=pl.lit("BDT")
    ).write_parquet(path)


def _taka(name: str) -> pl.Expr:
    """Paisa as taka with two decimals and commas as India writes them: 1,23,456.78."""
    paisa = pl.col(name)
    whole = (paisa // 100).cast(pl.String)
    part = (paisa % 100).cast(pl.String).str.zfill(2)
    head = whole.str.head(-3)
    lakhs = head.str.reverse().str.replace_all(r"(\d\d)(\d)", "$1,$2").str.reverse()
    grouped = pl.when(whole.str.len_chars() > _TAIL).then(lakhs + "," + whole.str.tail(3)).otherwise(whole)
    return (grouped + "." + part).alias(name)


def _grouped(paisa: int) -> str:
    """A sum as `_taka` writes amounts, of any length."""
    whole, part = divmod(paisa, 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail]) + f".{part:02d}"
