"""Lines, parties and instructions for the tests of settlement."""

from datetime import date
from pathlib import Path

from hypothesis import strategies as st

from reconciliation.calendar import read_calendar
from reconciliation.settlement.instructions.account_registry import CreditorAccount, read_registry
from reconciliation.settlement.instructions.creditor_instructions import Instruction, end_to_end_id
from reconciliation.settlement.positions.cycles import Cycle, Cycles, Party, PartyRole
from reconciliation.settlement.positions.lines import LineKind, SettlementLine

CONFIG = Path(__file__).parents[3] / "config"
CALENDAR = read_calendar(CONFIG / "calendar.toml")
REGISTRY = read_registry(CONFIG / "settlement.toml")
CYCLES = Cycles(CALENDAR, REGISTRY.own)

THU, SUN, MON, TUE = date(2026, 4, 9), date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 7)
BKASH, NPSB = Party(PartyRole.CONNECTOR, "bkash"), Party(PartyRole.CONNECTOR, "npsb")
DESCO, BREB = Party(PartyRole.BILLER, "desco_postpaid"), Party(PartyRole.BILLER, "breb_postpaid")
EKSHOP = Party(PartyRole.MERCHANT, "ekshop")
COURIER, BANK = Party(PartyRole.PAYEE, "courier"), Party(PartyRole.PARTNER, "a_bank")
PARTIES = (BKASH, NPSB, DESCO, BREB, EKSHOP, COURIER, BANK)


def line(party: Party, amount: int, source: str = "r1", **more: object) -> SettlementLine:
    """A line of cycle 1 of Sunday 5 April, agreed in that night unless told otherwise."""
    told: dict[str, object] = {"kind": LineKind.PAYMENT, "seen_on": SUN, "agreed_on": SUN, "day": SUN, **more}
    cycle = Cycle(party, told.pop("day"), 1)  # type: ignore[arg-type]
    return SettlementLine(cycle=cycle, source=source, amount=amount, **told)  # type: ignore[arg-type]


def instruction(party: Party, amount: int, value_date: date = MON) -> Instruction:
    account = REGISTRY.account_of(party)
    assert isinstance(account, CreditorAccount)
    return Instruction(end_to_end_id(party, value_date), value_date, account, amount)


amounts = st.integers(min_value=-(10**11), max_value=10**11).filter(bool)
days = st.dates(date(2026, 4, 1), date(2026, 4, 20))
nights = st.dates(date(2026, 4, 1), date(2026, 5, 5))


@st.composite
def one_line(draw: st.DrawFn, source: str) -> SettlementLine:
    party = draw(st.sampled_from(PARTIES))
    day, seen, decided = draw(days), draw(nights), draw(nights)
    fate = draw(st.sampled_from(["agreed", "agreed", "dropped", "held"]))
    number = draw(st.integers(1, len(CYCLES.times(party).cycle_ends)))
    return SettlementLine(
        Cycle(party, day, number),
        source,
        draw(st.sampled_from(list(LineKind))),
        draw(amounts),
        seen_on=seen,
        agreed_on=max(seen, decided) if fate == "agreed" else None,
        dropped_on=max(seen, decided) if fate == "dropped" else None,
        because="" if fate == "agreed" else "AMOUNT",
    )


@st.composite
def many_lines(draw: st.DrawFn) -> list[SettlementLine]:
    count = draw(st.integers(0, 12))
    return [draw(one_line(f"f{number}.csv:{number}")) for number in range(count)]
