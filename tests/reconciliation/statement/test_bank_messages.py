"""camt.053 and MT940: signs, reversals, batches, balances, dates without a year, and hostile XML."""

import re
from datetime import date

import pytest

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats import camt, mt940
from reconciliation.statement.formats.account_entries import check_balances
from tests.reconciliation.institution_files import Credit, Head, stmt_sonali

SUN = date(2026, 4, 5)
SAMPLE = stmt_sonali([Credit(150_000, "BKASH20260405"), Credit(-2_000, "", "SB2")], Head(SUN), opening=500)


def test_camt_entries_have_the_sign_of_their_indicator() -> None:
    (statement,) = camt.read(SAMPLE)
    check_balances([statement])
    assert [(entry.amount, entry.reference, entry.bank_reference) for entry in statement.entries] == [
        (150_000, "BKASH20260405", "SB1"),
        (-2_000, "", "SB2"),
    ]
    assert (statement.opening, statement.closing) == (500, 148_500)
    assert {entry.value_date for entry in statement.entries} == {SUN}


@pytest.mark.parametrize("version", ["02", "04", "08", "12"])
def test_every_version_of_the_message_is_read(version: str) -> None:
    assert len(camt.read(SAMPLE.replace(b"053.001.08", f"053.001.{version}".encode()))[0].entries) == 2


def test_a_state_written_as_plain_text_is_understood() -> None:
    plain = SAMPLE.replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"<Sts>BOOK</Sts>")
    assert len(camt.read(plain)[0].entries) == 2


def test_an_entry_that_is_not_booked_moves_nothing() -> None:
    pending = SAMPLE.replace(b"BOOK", b"PDNG", 1)
    assert [entry.amount for entry in camt.read(pending)[0].entries] == [-2_000]


def test_a_reversal_keeps_the_sign_that_is_written() -> None:
    """RvslInd tells that a DBIT undoes a credit; it does not turn the money round once more."""
    marked = SAMPLE.replace(b"</CdtDbtInd><Sts>", b"</CdtDbtInd><RvslInd>true</RvslInd><Sts>")
    entries = camt.read(marked)[0].entries
    assert [entry.is_reversal for entry in entries] == [True, True]
    assert [entry.amount for entry in entries] == [150_000, -2_000]


def batch(*amounts: str) -> bytes:
    details = "".join(f'<TxDtls><Amt Ccy="BDT">{amount}</Amt></TxDtls>' for amount in amounts).encode()
    start, _, rest = SAMPLE.partition(b"<TxDtls>")
    return start + details + rest.partition(b"</TxDtls>")[2]


def test_the_details_of_a_batch_must_sum_to_it() -> None:
    assert len(camt.read(batch("1000.00", "500.00"))[0].entries) == 2
    with pytest.raises(ControlTotalError, match="details sum to 140000"):
        camt.read(batch("1000.00", "400.00"))


def test_further_decimals_may_only_be_zeros() -> None:
    assert camt.read(SAMPLE.replace(b"1500.00", b"1500.00000"))[0].entries[0].amount == 150_000
    with pytest.raises(UnreadableFileError, match="no amount"):
        camt.read(SAMPLE.replace(b">1500.00<", b">1500.005<"))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"<NbOfNtries>2", b"<NbOfNtries>3"),
        (b"<Sum>1520.00", b"<Sum>1520.01"),
    ],
)
def test_the_summary_of_entries_must_agree(found: bytes, instead: bytes) -> None:
    with pytest.raises(ControlTotalError):
        camt.read(SAMPLE.replace(found, instead))


def test_balances_must_be_explained_by_entries() -> None:
    with pytest.raises(ControlTotalError, match="do not give closing"):
        check_balances(camt.read(SAMPLE.replace(b">1485.00<", b">1486.00<")))


def test_an_entry_without_a_booking_date_is_booked_on_its_value_date() -> None:
    both = b"<BookgDt><Dt>2026-04-05</Dt></BookgDt><ValDt><Dt>2026-04-05</Dt></ValDt>"
    assert both in SAMPLE
    entry, *_ = camt.read(SAMPLE.replace(both, b"<ValDt><Dt>2026-04-06</Dt></ValDt>", 1))[0].entries
    assert (entry.booked_on, entry.value_date) == (date(2026, 4, 6), date(2026, 4, 6))


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>',
        b"<Document><Stmt>",
        b"<Document></Document>",
        b"not xml",
        b"\xff\xfe<\x00D\x00",
        SAMPLE.replace(b">CRDT<", b">BOTH<", 1),
        re.sub(b"<(BookgDt|ValDt)>.*?</.*?Dt></(BookgDt|ValDt)>", b"", SAMPLE),
        SAMPLE.replace(b"<BookgDt><Dt>2026-04-05", b"<BookgDt><Dt>2026-04-35"),
    ],
)
def test_what_is_no_statement_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        camt.read(content)


def test_a_million_entries_would_not_fill_the_memory() -> None:
    """Entries are forgotten as they are read: the tree never holds two of them."""
    many = stmt_sonali([Credit(1, f"B{number}") for number in range(3_000)], Head(SUN))
    (statement,) = camt.read(many)
    assert len(statement.entries) == 3_000
    assert statement.entries[-1].reference == "B2999"


MT940 = """:20:STMT1
:25:0011223344
:28C:00031/1
:60F:C261231BDT1000,00
:61:2612310102C1234,35NTRFBKASH20261231//BANKREF1
:86:/BATCH/BKASH20261231/CHG/11,50
:61:2612311231RC34,35NTRFNONREF//BANKREF2
:86:undone
:61:2702300228D0,50NCHGNONREF//BANKREF3
:86:charge
:62F:C261231BDT2199,50
-
"""


def test_mt940_entries_balance_and_keep_their_signs() -> None:
    (statement,) = mt940.read(MT940)
    check_balances([statement])
    assert [entry.amount for entry in statement.entries] == [123_435, -3_435, -50]
    assert [entry.reference for entry in statement.entries] == ["BKASH20261231", "", ""]
    assert [entry.bank_reference for entry in statement.entries] == ["BANKREF1", "BANKREF2", "BANKREF3"]
    assert [entry.is_reversal for entry in statement.entries] == [False, True, False]


def test_an_entry_date_behind_the_new_year_is_next_years() -> None:
    first, second, third = mt940.read(MT940)[0].entries
    assert (first.booked_on, first.value_date) == (date(2027, 1, 2), date(2026, 12, 31))
    assert second.booked_on == date(2026, 12, 31)
    assert third.value_date == date(2027, 2, 28), "30 February is the last of the month"


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (":61:2612310102C1234,35", ":61:garbage"),
        (":61:2612310102C1234,35", ":61:2612310102X1234,35"),
        (":61:2612310102C1234,35", ":61:2613310102C1234,35"),
        (":20:STMT1\n", ""),
        (":62F:C261231BDT2199,50", ":62F:C261231BDT2199,51"),
    ],
)
def test_a_broken_mt940_is_refused(found: str, instead: str) -> None:
    with pytest.raises(UnreadableFileError):
        check_balances(mt940.read(MT940.replace(found, instead)))


def test_the_interim_report_is_read_too() -> None:
    mt942 = (
        ":20:STMT1\n:25:0011223344\n:28C:00031/1\n:34F:BDT0,\n:13D:2604051200+0600\n"
        ":61:2604050405C5,00NTRFNONREF//B1\n:86:x\n:90C:1BDT5,00\n-\n"
    )
    (statement,) = mt940.read(mt942)
    assert [entry.amount for entry in statement.entries] == [500]
    assert (statement.opening, statement.closing) == (None, None)


@pytest.mark.parametrize("inside", ["1<x/>500.00", "<x/>1500.00", "1500.00<x>1</x>"])
def test_an_amount_is_not_read_up_to_an_element_inside_it(inside: str) -> None:
    mixed = SAMPLE.replace(b">1500.00<", f">{inside}<".encode(), 1)
    with pytest.raises(UnreadableFileError, match=r"line 1, column Amt: (text and elements|entry 1 has no)"):
        camt.read(mixed)


def test_a_reference_is_not_read_up_to_an_element_inside_it() -> None:
    mixed = SAMPLE.replace(b"BKASH20260405<", b"BKASH<x/>20260405<")
    with pytest.raises(UnreadableFileError, match="line 1, column EndToEndId: text and elements"):
        camt.read(mixed)


@pytest.mark.parametrize("inside", ["<!-- x -->", "<?x y?>", "<!-- x --><!-- y -->"])
def test_a_comment_inside_an_amount_takes_nothing_from_it(inside: str) -> None:
    for place in (b"00.00<", b".00<", b"0<"):
        split = SAMPLE.replace(b">15" + b"00.00<", b">1500.00<".replace(place, inside.encode() + place), 1)
        (statement,) = camt.read(split)
        assert [entry.amount for entry in statement.entries] == [150_000, -2_000]


def test_an_entry_outside_a_statement_is_not_lost() -> None:
    entry = SAMPLE[SAMPLE.index(b"<Ntry>") : SAMPLE.index(b"</Ntry>") + 7]
    for place in (b"</BkToCstmrStmt>", b"</Document>"):
        with pytest.raises(UnreadableFileError, match="line 1, column Ntry: an entry outside"):
            camt.read(SAMPLE.replace(place, entry + place))


def test_an_entry_inside_an_entry_is_refused() -> None:
    entry = SAMPLE[SAMPLE.index(b"<Ntry>") : SAMPLE.index(b"</Ntry>") + 7]
    with pytest.raises(UnreadableFileError, match="line 1, column Ntry: an entry outside"):
        camt.read(SAMPLE.replace(b"<NtryDtls>", entry + b"<NtryDtls>", 1))


@pytest.mark.parametrize(
    "balance",
    [":60F:C261231BDT1000,00", ":62F:C261231BDT2199,50"],
)
@pytest.mark.parametrize("digits", ["1,0,0", "১২৩৪,৫০", "1000,0,", "²,00"])
def test_a_balance_that_is_no_number_is_refused(balance: str, digits: str) -> None:
    with pytest.raises(UnreadableFileError):
        check_balances(mt940.read(MT940.replace(balance, balance[:15] + digits)))


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-14:00", "x", "2026-02-30T"]
)
def test_an_instant_that_no_calendar_has_is_refused(instant: str) -> None:
    wrong = SAMPLE.replace(b"<BookgDt><Dt>2026-04-05</Dt>", f"<BookgDt><DtTm>{instant}</DtTm>".encode(), 1)
    with pytest.raises(UnreadableFileError, match=f"line 1, column BookgDt: {re.escape(instant)} is no date"):
        camt.read(wrong)


def test_a_number_of_a_statement_with_thousands_of_digits_is_none() -> None:
    wrong = SAMPLE.replace(b"<ElctrncSeqNb>1<", b"<ElctrncSeqNb>" + b"9" * 5_000 + b"<")
    assert camt.read(wrong)[0].sequence is None


def test_a_count_of_thousands_of_digits_refuses_an_interim_report() -> None:
    mt942 = f":20:S\n:25:A\n:28C:1/1\n:34F:BDT0,\n:90C:{'9' * 5_000}BDT5,00\n-\n"
    with pytest.raises(UnreadableFileError) as caught:
        mt940.read(mt942)
    assert len(str(caught.value)) < 600
