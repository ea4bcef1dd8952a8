"""camt.052, .053, .054, MT940 and MT942 by their layouts: kinds, accounts, batches, balances, sums."""

import re
from datetime import date

import pytest
from pydantic import ValidationError

from reconciliation.canonical_row import BRINGS, TAKES_BACK
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats import camt, mt940
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import Reading, read_file

SUN = date(2026, 4, 5)


def layout(container: str, **statement: object) -> Layout:
    told = {
        "institution": "stmt_x",
        "code": "X",
        "version": "1",
        "kind": "statement",
        "container": container,
        "extension": "xml",
        "statement": {"account": "A1", **statement},
    }
    return Layout.model_validate(told)


def reading(content: bytes, container: str, **statement: object) -> Reading:
    return read_file(content, layout(container, **statement), "stmt_x_1", SUN)


def booked(amount: str, side: str, more: str = "", reference: str = "BKASH20260405") -> str:
    refs = f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>" if reference else ""
    details = more if "<TxDtls>" in more else f"<TxDtls>{refs}</TxDtls>"
    flag = more if "<RvslInd>" in more else ""
    return (
        f'<Ntry><Amt Ccy="BDT">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{flag}<Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><DtTm>2026-04-05T19:00:00Z</DtTm></BookgDt><AcctSvcrRef>SB1</AcctSvcrRef>"
        f"<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def detail(amount: str, reference: str, side: str = "") -> str:
    mark = f"<CdtDbtInd>{side}</CdtDbtInd>" if side else ""
    refs = f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>"
    return f'<TxDtls>{refs}<Amt Ccy="BDT">{amount}</Amt>{mark}</TxDtls>'


def balance(kind: str, amount: str, side: str = "CRDT") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="BDT">{amount}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd></Bal>"
    )


ROOTS = {"Rpt": "BkToCstmrAcctRpt", "Stmt": "BkToCstmrStmt", "Ntfctn": "BkToCstmrDbtCdtNtfctn"}
NUMBERS = {"Rpt": "052", "Stmt": "053", "Ntfctn": "054"}


def report(kind: str, *bodies: str, account: str = "A1") -> bytes:
    whole = "".join(
        f"<{kind}><Id>S{number}</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>BDT</Ccy></Acct>"
        f"{body}</{kind}>"
        for number, body in enumerate(bodies, start=1)
    )
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{NUMBERS[kind]}.001.08"
    return f'<Document xmlns="{space}"><{ROOTS[kind]}>{whole}</{ROOTS[kind]}></Document>'.encode()


CREDIT = booked("1500.00", "CRDT")
DAY = balance("OPBD", "0.00") + balance("CLBD", "1500.00") + CREDIT


@pytest.mark.parametrize(
    ("container", "content"),
    [
        ("camt052", report("Rpt", CREDIT)),
        ("camt053", report("Stmt", DAY)),
        ("camt054", report("Ntfctn", CREDIT)),
    ],
)
def test_each_message_is_taken_as_itself_and_as_no_other(container: str, content: bytes) -> None:
    told = reading(content, container)
    assert told.rows.select("ours", "theirs", "gross", "direction").rows() == [
        ("BKASH20260405", "SB1", 150_000, BRINGS)
    ]
    assert told.controls["counted.rows"] == "1"
    for other in {"camt052", "camt053", "camt054"} - {container}:
        with pytest.raises(UnreadableFileError, match=f"is no {other}"):
            reading(content, other)


def test_an_instant_in_utc_is_booked_on_dhakas_date() -> None:
    """19:00 UTC on Sunday is one o'clock on Monday."""
    ((entry,),) = [statement.entries for statement in camt.read(report("Rpt", CREDIT))]
    assert entry.booked_on == date(2026, 4, 6)


def test_a_reversed_credit_takes_back_and_a_charge_does_not() -> None:
    back = booked("1500.00", "DBIT", "<RvslInd>true</RvslInd>")
    one = booked("1500.00", "DBIT", "<RvslInd>1</RvslInd>")
    undone_charge = booked("11.50", "CRDT", "<RvslInd>true</RvslInd>")
    rows = reading(report("Ntfctn", back + one + booked("11.50", "DBIT") + undone_charge), "camt054").rows
    assert rows.select("gross", "direction").rows() == [
        (-150_000, TAKES_BACK),
        (-150_000, TAKES_BACK),
        (-1_150, BRINGS),
        (1_150, BRINGS),
    ]


BATCH = detail("1000.00", "E1") + detail("511.50", "E2") + detail("11.50", "E3", "DBIT")


def test_a_batch_is_one_row_or_one_for_each_payment() -> None:
    content = report("Ntfctn", booked("1500.00", "CRDT", BATCH) + CREDIT)
    assert reading(content, "camt054").rows["gross"].to_list() == [150_000, 150_000]
    rows = reading(content, "camt054", batches="details").rows
    assert rows.select("ordinal", "ours", "gross").rows() == [
        (1, "E1", 100_000),
        (2, "E2", 51_150),
        (3, "E3", -1_150),
        (4, "BKASH20260405", 150_000),
    ]


@pytest.mark.parametrize("details", [BATCH.replace("511.50", "511.49"), BATCH + detail("0.01", "E4")])
def test_details_that_do_not_sum_to_their_batch_refuse_the_file(details: str) -> None:
    for batches in ("entry", "details"):
        with pytest.raises(ControlTotalError, match="details sum to"):
            reading(report("Ntfctn", booked("1500.00", "CRDT", details)), "camt054", batches=batches)


def instructed(amount: str, currency: str = "BDT") -> str:
    return f'<TxDtls><AmtDtls><TxAmt><Amt Ccy="{currency}">{amount}</Amt></TxAmt></AmtDtls></TxDtls>'


def test_the_first_versions_tell_amounts_before_charges() -> None:
    """Several amounts in the account's own currency must sum; one, or a foreign one, may differ."""
    right = instructed("1000.00") + instructed("500.00")
    assert reading(report("Ntfctn", booked("1500.00", "CRDT", right)), "camt054").settled == 150_000
    for fine in (instructed("1511.50"), instructed("10.00", "USD") * 2):
        assert reading(report("Ntfctn", booked("1500.00", "CRDT", fine)), "camt054").settled == 150_000
    with pytest.raises(ControlTotalError, match="details sum to"):
        reading(report("Ntfctn", booked("1500.00", "CRDT", instructed("749.00") * 2)), "camt054")


@pytest.mark.parametrize("amount", ["1500.00001", "1500.005", "1500.0", "1500", "1500.00000", "1,500.00", ""])
def test_five_decimals_are_taken_only_where_they_say_nothing(amount: str) -> None:
    content = report("Ntfctn", booked(amount, "CRDT"))
    if amount in {"1500.0", "1500", "1500.00000"}:
        assert reading(content, "camt054").settled == 150_000
        return
    with pytest.raises(UnreadableFileError, match="no amount in paisa"):
        reading(content, "camt054")


SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>1511.50</Sum></TtlNtries>"
    "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>1500.00</Sum></TtlCdtNtries>"
    "<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>11.50</Sum></TtlDbtNtries></TxsSummry>"
)
SUMMED = report("Ntfctn", SUMMARY + CREDIT + booked("11.50", "DBIT"))


def test_the_sums_of_each_side_are_kept() -> None:
    controls = reading(SUMMED, "camt054").controls
    assert {name: text for name, text in controls.items() if name.startswith("stated.")} == {
        "stated.entries": "2",
        "stated.amount": "151150",
        "stated.credits": "150000",
        "stated.debits": "1150",
    }


@pytest.mark.parametrize("place", range(6))
def test_any_sum_or_count_that_disagrees_refuses_the_file(place: int) -> None:
    told = list(re.finditer(rb"<(?:NbOfNtries|Sum)>(\d)", SUMMED))
    at = told[place].start(1)
    wrong = SUMMED[:at] + (b"7" if SUMMED[at : at + 1] != b"7" else b"8") + SUMMED[at + 1 :]
    with pytest.raises(ControlTotalError, match="summary says"):
        reading(wrong, "camt054")


SECOND = balance("OPBD", "1500.00") + balance("CLBD", "1400.00") + booked("100.00", "DBIT")


def test_several_statements_are_taken_where_the_layout_says_so() -> None:
    content = report("Stmt", DAY, SECOND)
    with pytest.raises(ControlTotalError, match="2 account statements where one must be"):
        reading(content, "camt053")
    told = reading(content, "camt053", several=True)
    assert told.rows.select("ordinal", "gross").rows() == [(1, 150_000), (2, -10_000)]
    assert (told.opening, told.closing, told.settled) == (0, 140_000, 140_000)
    assert told.controls["counted.closing"] == told.controls["stated.closing"] == "140000"
    assert told.controls["counted.statements"] == "2"


def test_several_statements_must_follow_on_each_other() -> None:
    with pytest.raises(ControlTotalError, match="behind a closing of"):
        reading(report("Stmt", DAY, DAY), "camt053", several=True)
    other = report("Stmt", SECOND, account="A2").partition(b"<Stmt>")[2].partition(b"</Stmt>")[0]
    content = report("Stmt", DAY).replace(b"</BkToCstmrStmt>", b"<Stmt>" + other + b"</Stmt></BkToCstmrStmt>")
    with pytest.raises(UnreadableFileError, match="of another account"):
        reading(content, "camt053", several=True)


def test_a_statement_of_another_account_is_refused() -> None:
    assert reading(report("Stmt", DAY), "camt053", account="A1").settled == 150_000
    with pytest.raises(UnreadableFileError, match="of another account"):
        reading(report("Stmt", DAY), "camt053", account="A2")


def test_entries_in_another_currency_than_the_account_are_refused() -> None:
    with pytest.raises(UnreadableFileError, match="entries in BDT, USD"):
        reading(report("Rpt", CREDIT + CREDIT.replace('"BDT"', '"USD"')), "camt052")
    with pytest.raises(UnreadableFileError, match="entries in USD"):
        reading(report("Rpt", CREDIT.replace('"BDT"', '"USD"')), "camt052")


def test_a_statement_without_a_balance_may_be_cut_off() -> None:
    for gone in (balance("OPBD", "0.00"), balance("CLBD", "1500.00")):
        with pytest.raises(ControlTotalError, match="a balance is missing"):
            reading(report("Stmt", DAY.replace(gone, "")), "camt053")


def test_yesterdays_closing_balance_counts_only_where_no_opening_one_is_told() -> None:
    closed = balance("PRCD", "7.00")
    for body in (closed + DAY, DAY + closed):
        assert reading(report("Stmt", body), "camt053").opening == 0
    instead = DAY.replace("OPBD", "PRCD")
    assert reading(report("Stmt", instead), "camt053").opening == 0


INTERIM = (
    ":20:S1\n:25:A1\n:28C:5/1\n:34F:BDT0,\n:13D:2604051200+0600\n"
    ":61:2604050405C1500,NTRFBKASH20260405//B1\n:86:x\n:61:2604050405D11,5NCHGNONREF//B2\n"
    ":90D:1BDT11,50\n:90C:1BDT1500,00\n-\n"
)


def test_an_interim_report_is_taken_with_its_sums() -> None:
    told = reading(INTERIM.encode(), "mt942")
    assert told.rows.select("ours", "gross").rows() == [("BKASH20260405", 150_000), ("", -1_150)]
    assert (told.opening, told.closing) == (None, None)
    assert (told.controls["stated.credits"], told.controls["stated.debits"]) == ("150000", "1150")
    with pytest.raises(UnreadableFileError, match="942 is no mt940"):
        reading(INTERIM.encode(), "mt940")


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (":90D:1BDT11,50", ":90D:2BDT11,50", "1 debits of 1150 paisa, the file says 2 of 1150"),
        (":90C:1BDT1500,00", ":90C:1BDT1500,01", "1 credits of 150000 paisa, the file says 1 of 150001"),
        (":61:2604050405D11,5NCHGNONREF//B2\n", "", "0 debits"),
        (":90D:1BDT11,50\n:90C:1BDT1500,00\n-\n", "", "neither :90C: nor :90D:"),
    ],
)
def test_an_interim_report_that_was_cut_or_changed_is_refused(found: str, instead: str, said: str) -> None:
    with pytest.raises(ControlTotalError, match=said):
        reading(INTERIM.replace(found, instead).encode(), "mt942")


DAILY = (
    ":20:S1\r\n:25:A1\r\n:28C:5/1\r\n:60F:C260404BDT0,00\r\n:61:2604050405C1500,00NTRFBKASH20260405//JB1\r\n"
    ":86:x\r\n:62F:C260405BDT1500,00\r\n-\r\n"
)


def test_a_daily_statement_that_is_cut_before_its_end_is_refused() -> None:
    assert reading(DAILY.encode(), "mt940").settled == 150_000
    with pytest.raises(ControlTotalError, match="a balance is missing"):
        reading(DAILY.partition(":62F:")[0].encode(), "mt940")


def test_pages_of_one_statement_follow_on_each_other() -> None:
    first = DAILY.replace(":62F:", ":62M:")
    second = DAILY.replace(":60F:C260404BDT0,00", ":60M:C260405BDT1500,00").replace(
        "T1500,00\r\n-", "T3000,00\r\n-"
    )
    told = reading((first + second).encode(), "mt940", several=True)
    assert (told.opening, told.closing, told.settled) == (0, 300_000, 300_000)


def test_a_layout_names_the_encoding() -> None:
    odd = DAILY.replace(":86:x", ":86:GEB\u00dcHR")
    assert reading(odd.encode("cp1252"), "mt940", encoding="cp1252").settled == 150_000
    with pytest.raises(UnreadableFileError, match="is not ascii"):
        reading(odd.encode("cp1252"), "mt940")


def entry(line: str, details: str = "x") -> tuple[int, str, str]:
    """Amount and both references of the one entry of a statement with this :61:."""
    text = f":20:S1\n:25:A1\n:28C:5/1\n:60F:C260404BDT0,00\n{line}\n:86:{details}\n"
    ((found,),) = [statement.entries for statement in mt940.read(text)]
    return found.amount, found.reference, found.bank_reference


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (":61:2604050405CR1500,NTRFR1//B1", (150_000, "R1", "B1")),  # a funds code behind the mark
        (":61:260405C1500,00NTRFR1", (150_000, "R1", "")),  # no entry date
        (":61:260405    C1500,00NTRFR1//B1", (150_000, "R1", "B1")),  # four spaces in its place
        (":61:260405C000000001500,5NTRFR1//B1", (150_050, "R1", "B1")),  # leading zeros, one decimal
        (":61:2604050405C0000000001500,NTRFR1//B1", (150_000, "R1", "B1")),  # more zeros than digits
        (":61:2604050405C1500NTRFR1//B1", (150_000, "R1", "B1")),  # no comma
        (":61:2604050405C\n1500,00NTRFR1//B1", (150_000, "R1", "B1")),  # a line break before the amount
        (":61:2604050405D1500,00NTRFNONREF//NONREF", (-150_000, "", "")),
        (":61:2604050405C1500,00NTRFR1//B1\nmore of the bank", (150_000, "R1", "B1")),
        (":61:2604050405C1500,00NTRF//B1", (150_000, "", "B1")),
    ],
)
def test_ways_in_which_banks_write_an_entry(line: str, expected: tuple[int, str, str]) -> None:
    assert entry(line) == expected


@pytest.mark.parametrize(
    ("reference", "details", "expected"),
    [
        ("NONREF", "/EREF/BKASH20260405/BENM//NAME/X", "BKASH20260405"),
        ("EREF", "/EREF/BKASH2026\n0405/BENM//NAME/X", "BKASH20260405"),
        ("NONREF", "166?00TRANSFER?20EREF+BKASH20260405?30BANK", "BKASH20260405"),
        ("R1", "/EREF/BKASH20260405/BENM//NAME/X", "R1"),
        ("R1", "166?00TRANSFER?20KREF+OTHER?21EREF+BKASH20260405", "R1"),
    ],
)
def test_the_reference_of_an_entry_outranks_its_details(reference: str, details: str, expected: str) -> None:
    assert entry(f":61:2604050405C1500,00NTRF{reference}//B1", details)[1] == expected


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("C1500,00N", "C1500.00N", "line 5, column :61:: no date, mark and amount"),
        ("C260404BDT0,00", "C2604040,00", "line 4, column :60F:: no mark, date, currency and amount"),
        (":20:S1", ":61:2604050405C1500,00NTRFX\r\n:20:S1", "column :61:: 1 of 2 entries were understood"),
        (":62F:C260405BDT1500,00", ":62F:", "line 7, column :62F:: no mark, date, currency and amount"),
    ],
)
def test_a_field_that_is_none_is_refused_with_its_line(found: str, instead: str, said: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        reading(DAILY.replace(found, instead).encode(), "mt940")
    assert str(caught.value) == said


@pytest.mark.parametrize("container", ["camt052", "camt053", "camt054", "mt940", "mt942"])
def test_a_layout_of_statements_names_its_account(container: str) -> None:
    with pytest.raises(ValidationError, match=r"statement\.account"):
        layout(container, account="")


def test_a_file_that_may_have_several_statements_has_one_at_least() -> None:
    for content in (b"x:20:S1\n", b":201E5:20:S1\n", b"{1:}\n:25:A1 :20:"):
        with pytest.raises(ControlTotalError, match="0 account statements where one must be"):
            reading(content, "mt940", several=True)
