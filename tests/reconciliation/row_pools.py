"""Pools of canonical rows for engines to judge: drawn one by one, or many at once from a seed."""

import random
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from reconciliation.canonical_row import (
    BRINGS,
    CHARGEBACK,
    FAILED,
    FILE,
    LEDGER,
    SCHEMA,
    SUCCESS,
    TAKES_BACK,
    UNKNOWN,
    complete,
)
from reconciliation.matching.row_family import InstitutionKind

DAY = date(2026, 4, 5)
KINDS: dict[str, InstitutionKind] = {"npsb": "funds", "bkash": "funds", "desco_postpaid": "delivery"}
_INSTITUTIONS = st.sampled_from(sorted(KINDS))


def row(source: int, ordinal: int, reference: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - values of any column
    net = more.pop("net", 10_000)
    return {
        "source": source,
        "origin": "ours" if source == LEDGER else "theirs",
        "ordinal": ordinal,
        "institution": "npsb",
        "reference": reference,
        "direction": BRINGS,
        "ours": reference,
        "theirs": f"T{reference}",
        "status": SUCCESS,
        "gross": net + 150,
        "fee": 150,
        "vat": 0,
        "net": net,
        "currency": "BDT",
        "instant": datetime(2026, 4, 5, 6, 0, tzinfo=UTC),
        "business_date": DAY,
        "due_date": DAY if source == LEDGER else None,
        "is_late": False,
        "due": 1,
    } | more


def pool(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows as a pool that has `due`."""
    frame = pl.DataFrame(rows, schema=dict(SCHEMA) | {"due": pl.Int8()}, orient="row")
    return complete(frame).with_columns(due=frame["due"])


@st.composite
def pools(draw: st.DrawFn) -> pl.DataFrame:
    """Rows of few references, so that they meet in every way there is."""
    rows: list[dict[str, Any]] = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "source": st.sampled_from([LEDGER, FILE]),
                    "institution": _INSTITUTIONS,
                    "reference": st.sampled_from(["A", "B", "বিল", "D'", ""]),
                    "direction": st.sampled_from([BRINGS, BRINGS, BRINGS, TAKES_BACK, CHARGEBACK]),
                    "status": st.sampled_from([SUCCESS, SUCCESS, SUCCESS, FAILED, UNKNOWN]),
                    "net": st.sampled_from([9_850, 9_850, 9_851, 0, -9_850, 2**52]),
                    "gross": st.sampled_from([10_000, 10_000, 10_001, None, -10_000]),
                    "currency": st.sampled_from(["BDT", "BDT", "BDT", "USD"]),
                    "due": st.sampled_from([0, 1, 1, 2]),
                    "rejected": st.sampled_from([None, None, None, "no such time"]),
                }
            ),
            max_size=30,
        )
    )
    return pool([row(ordinal=number, **one) for number, one in enumerate(rows, start=1)])


def many(rows: int, seed: int = 1) -> pl.DataFrame:
    """So many payments of ours with what is said of them: nearly all alike, the others in every way."""
    chance = random.Random(seed)  # noqa: S311 - a seed is wanted
    made: list[dict[str, Any]] = []
    for number in range(1, rows + 1):
        ours: dict[str, Any] = {
            "institution": chance.choice(sorted(KINDS)),
            "reference": f"EKP{number:012d}",
            "net": chance.randrange(1, 500_000),
        }
        made.append(row(LEDGER, number, **ours))
        for other in _told(ours, chance):
            made.append(row(FILE, len(made), **other))
    return pool(made)


def _told(ours: dict[str, Any], chance: random.Random) -> list[dict[str, Any]]:
    luck = chance.random()
    others = {
        0.01: [],
        0.02: [ours, ours],
        0.03: [ours | {"net": ours["net"] + 1}],
        0.04: [ours | {"status": FAILED}],
        0.05: [ours | {"gross": None}],
        0.06: [ours | {"currency": "USD"}],
        0.07: [ours, ours | {"direction": TAKES_BACK, "net": -ours["net"]}],
        0.08: [ours | {"reference": f"~{ours['reference']}"}],
        0.09: [ours | {"rejected": "no such time"}],
    }
    return next((told for limit, told in others.items() if luck < limit), [ours])


def tangled(rows: int, seed: int = 1) -> pl.DataFrame:
    """Rows of a hundred references that meet in every way there is, as `pools` draws them."""
    chance = random.Random(seed)  # noqa: S311 - a seed is wanted
    made = [
        row(
            source=chance.choice([LEDGER, FILE]),
            ordinal=number,
            reference=f"বিল {chance.randrange(100)}'",
            institution=chance.choice(sorted(KINDS)),
            direction=chance.choice([BRINGS, BRINGS, TAKES_BACK, CHARGEBACK]),
            status=chance.choice([SUCCESS, SUCCESS, FAILED, UNKNOWN]),
            net=chance.choice([9_850, 9_851, 0, -9_850, 2**52]),
            gross=chance.choice([10_000, 10_001, None, -10_000]),
            currency=chance.choice(["BDT", "BDT", "USD"]),
            due=chance.choice([0, 1, 2]),
            rejected=chance.choice([None, None, "no such time"]),
        )
        for number in range(1, rows + 1)
    ]
    return pool(made)
