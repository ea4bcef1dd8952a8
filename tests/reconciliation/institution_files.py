"""What institutions would write, made by hand for tests from docs/protocols/reconciliation-month.md."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone

DHAKA = timezone(timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement as both sides see it; amounts in paisa, `at` on a Dhaka clock."""

    ours: str
    at: datetime
    gross: int
    kept: int = 0
    theirs: str = "T1"
    event: str = "payment"
    status: str = "success"
    currency: str = "BDT"

    @property
    def net(self) -> int:
        return self.gross - self.kept if self.status != "failed" else 0

    @property
    def told_kept(self) -> int:
        return 0 if self.status == "failed" else self.kept

    def but(self, **changes: object) -> "Movement":
        return replace(self, **changes)  # type: ignore[arg-type]


def at(text: str) -> datetime:
    """A Dhaka time such as `2026-04-05 23:59:58`."""
    return datetime.fromisoformat(text).replace(tzinfo=DHAKA)


def taka(paisa: int) -> str:
    sign = "-" if paisa < 0 else ""
    return f"{sign}{abs(paisa) // 100}.{abs(paisa) % 100:02d}"


@dataclass(frozen=True, slots=True)
class Head:
    """What a header says of a file."""

    day: date
    cycle: int = 1
    sequence: int = 1
    correction: int = 0

    @property
    def mark(self) -> str:
        return "C" if self.correction else "O"


def npsb(rows: Sequence[Movement], head: Head) -> bytes:
    lines = [f"FH^NPSB^{head.mark}^EKPAY^{head.day:%Y%m%d}^{head.cycle:02d}^{head.sequence:06d}^BDT"]
    for row in rows:
        kind = "P" if row.event == "payment" else "R"
        code = "00" if row.status == "success" else "05"
        amounts = [abs(row.gross), abs(row.told_kept), 0, abs(row.net)]
        cells = ["D", kind, row.ours, row.theirs, f"{row.at:%Y%m%d%H%M%S}", *map(str, amounts), code, "0*1"]
        lines.append("^".join(cells))
    total = sum(abs(row.gross) for row in rows)
    digits = sum(int(row.ours) for row in rows) % 10**12
    lines.append(f"FT^{len(rows)}^{total}^{digits}")
    return ("\n".join(lines) + "\n").encode("ascii")


def breb(rows: Sequence[Movement], head: Head) -> bytes:
    lines = [f"H|BREB|{head.day:%Y%m%d}|{head.cycle:02d}|{head.sequence:06d}|{head.mark}"]
    for row in rows:
        kind = "PAY" if row.event == "payment" else "REV"
        lines.append(f"R|{kind}|{row.ours}|{row.theirs}|B1|A1|{row.at:%Y%m%d%H%M%S}|{taka(row.gross)}")
    lines.append(f"T|{len(rows)}|{taka(sum(row.gross for row in rows))}")
    return ("\n".join(lines) + "\n").encode()


def bkash(rows: Sequence[Movement], _head: Head) -> bytes:
    words = {"payment": "Payment", "refund": "Refund", "chargeback": "Chargeback"}
    headings = (
        "trxID,paymentID,merchantInvoiceNumber,transactionType,initiationTime,completedTime,debitMSISDN,"
        "amount,serviceFee,creditedAmount,currency,transactionStatus,originalTrxID"
    )
    lines = [headings]
    for row in rows:
        when = f"{row.at:%Y-%m-%dT%H:%M:%S}:000 GMT+0600"
        state = "Completed" if row.status == "success" else "Failed"
        amounts = f"{taka(abs(row.gross))},{taka(row.told_kept)},{taka(row.net)}"
        lines.append(
            f"{row.theirs},P1,{row.ours},{words[row.event]},{when},{when},01*1,{amounts},{row.currency},{state},"
        )
    return ("\r\n".join(lines) + "\r\n").encode()


def sslcommerz(rows: Sequence[Movement], _head: Head) -> bytes:
    headings = (
        "tran_id,val_id,bank_tran_id,tran_date,card_type,card_brand,card_issuer,currency,amount,store_amount,"
        "charge,refund_ref_id,settlement_date,payout_ref"
    )
    lines = [headings]
    for row in rows:
        back = row.theirs if row.event == "refund" else ""
        amounts = f"{taka(row.gross)},{taka(row.net)},{taka(row.kept)}"
        lines.append(
            f'{row.ours},V1,{row.theirs},{row.at:%Y-%m-%d %H:%M:%S},VISA,VISA,"A Bank, Ltd",{row.currency},'
            f"{amounts},{back},2026-04-09,SSLCZ1"
        )
    return b"\xef\xbb\xbf" + ("\r\n".join(lines) + "\r\n").encode()


def sonali_spg(rows: Sequence[Movement], _head: Head) -> bytes:
    bangla = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
    lines = [
        "ScrollNo;BrCode;TransactionId;TransactionDate;InvoiceNo;crAccount;PayAmount;Vat;Commission;PayMode"
    ]
    for row in rows:
        when = f"{row.at:%d/%m/%Y %H:%M:%S}".translate(bangla)
        amounts = f"{taka(row.gross)};{taka(0)};{taka(row.kept)}".translate(bangla)
        lines.append(f"S1;B1;{row.theirs};{when};{row.ours};0*1;{amounts};CASH")
    sums = f"{taka(sum(row.gross for row in rows))};0.00;{taka(sum(row.kept for row in rows))}"
    lines.append(f"মোট;{len(rows)};;;;;{sums};".translate(bangla))
    return ("\n".join(lines) + "\n").encode()


def janata(rows: Sequence[Movement], head: Head) -> bytes:
    lines = [f"H{'JANATA':<8}{head.day:%Y%m%d}{head.cycle:02d}{head.sequence:06d}{head.mark}".ljust(120)]
    for row in rows:
        kind = "0200" if row.event == "payment" else "0420"
        line = (
            f"D{kind}{'506099******4358':<19}500000{abs(row.gross):012d}{row.at.astimezone(UTC):%m%d%H%M%S}"
        )
        line += f"000117{row.at:%H%M%S}{row.at:%m%d}{row.at:%m%d}{'135':<11}{row.ours}{row.theirs:<6}"
        line += f"{'00' if row.status == 'success' else '05'}{abs(row.told_kept):010d}N"
        lines.append(line.ljust(120))
    total = sum(abs(row.gross) for row in rows)
    digits = sum(int(row.ours) for row in rows) % 10**12
    lines.append(f"T{len(rows):09d}{total:015d}{digits:012d}".ljust(120))
    return ("\n".join(lines) + "\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Credit:
    """One entry of a bank statement, in paisa."""

    amount: int
    batch: str
    theirs: str = "SB1"
    charge: int = 1150


def stmt_sonali(entries: Sequence[Credit], head: Head, opening: int = 0) -> bytes:
    closing = opening + sum(entry.amount for entry in entries)

    def balance(kind: str, paisa: int) -> str:
        side = "CRDT" if paisa >= 0 else "DBIT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
            f'<Amt Ccy="BDT">{taka(abs(paisa))}</Amt><CdtDbtInd>{side}</CdtDbtInd></Bal>'
        )

    def entry_of(entry: Credit) -> str:
        side = "CRDT" if entry.amount >= 0 else "DBIT"
        day = head.day.isoformat()
        return (
            f'<Ntry><Amt Ccy="BDT">{taka(abs(entry.amount))}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
            f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
            f"<AcctSvcrRef>{entry.theirs}</AcctSvcrRef>"
            f'<Chrgs><TtlChrgsAndTaxAmt Ccy="BDT">{taka(entry.charge)}</TtlChrgsAndTaxAmt></Chrgs>'
            f"<NtryDtls><TxDtls><Refs><EndToEndId>{entry.batch or 'NOTPROVIDED'}</EndToEndId></Refs></TxDtls>"
            "</NtryDtls></Ntry>"
        )

    summary = (
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(entries)}</NbOfNtries>"
        f"<Sum>{taka(sum(abs(entry.amount) for entry in entries))}</Sum></TtlNtries></TxsSummry>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>S1</Id>'
        f"<ElctrncSeqNb>{head.sequence}</ElctrncSeqNb><Acct><Id><Othr><Id>0127000000001</Id></Othr></Id></Acct>"
        f"{balance('OPBD', opening)}{balance('CLBD', closing)}{summary}"
        f"{''.join(entry_of(entry) for entry in entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


WRITERS = {
    "npsb": npsb,
    "breb_postpaid": breb,
    "bkash": bkash,
    "sslcommerz": sslcommerz,
    "sonali_spg": sonali_spg,
    "janata": janata,
}
