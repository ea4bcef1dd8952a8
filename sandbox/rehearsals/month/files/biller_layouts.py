"""The end-of-day files of billers; the lines of a bill are derived from its amount."""

from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.month.files.layouts import Cover, FileLayout, Totals
from sandbox.rehearsals.month.model.instants import CLOCK, dashed, dhaka, dhaka_digits, plain, split
from sandbox.rehearsals.month.model.rows import MonthRow

_ACHALLAN_LENGTH = 100
_STAMP_PAISA = 1_000
_STAMPED_FROM_PAISA = 50_000
_COLLECTOR = "EKPAY"


def _lines(gross: int) -> tuple[int, int, int, int]:
    """Return principal, VAT, late fee and stamp of an amount; they sum to it."""
    size = abs(gross)
    stamp = _STAMP_PAISA if size >= _STAMPED_FROM_PAISA else 0
    vat = (size - stamp) * 5 // 105
    late = (size - stamp - vat) // 50 if size % 10 == 0 else 0
    sign = -1 if gross < 0 else 1
    return sign * (size - stamp - vat - late), sign * vat, sign * late, sign * stamp


def _bill(row: MonthRow) -> str:
    return row.bill or f"{row.number * 104_729 % 10**12:012d}"


def _account(row: MonthRow) -> str:
    return row.account or f"{row.number * 15_485_863 % 10**8:08d}"


class Desco(FileLayout):
    """The common scroll row, and a trailer with a SHA-256."""

    is_counted = True
    is_digested = True
    no_day = "2026-02-31T10:20:30+06:00"

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "scroll_date,scroll_no,seq,biller_id,office_code,bill_ref,account_ref,paid_at,ekpay_txn_id,"
            "collector_txn_id,biller_ack_ref,principal,vat,late_fee,stamp,other_lines,total,channel,"
            "collector_code,row_type\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05T23:59:58+06:00."""
        day, second, _ = split(ms)
        return f"{dashed(day)}T{CLOCK[second]}+06:00"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        principal, vat, late, stamp = _lines(row.gross)
        return (
            f"{dashed(cover.date)},1,{ordinal},{cover.institution.id},D07,{_bill(row)},{_account(row)},{self.when(row)},"
            f"{row.ours},,{row.theirs},{taka(principal)},{taka(vat)},{taka(late)},{taka(stamp)},0.00,"
            f"{taka(row.gross)},API,{_COLLECTOR},{'REV' if row.is_taking_back else 'PAY'}\n"
        )

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer."""
        del cover
        return f"TRAILER,{totals.rows},{taka(totals.gross)},{digest}\n"


class Breb(FileLayout):
    """Pipes, two cycles a day."""

    extension = "txt"
    is_counted = True
    no_day = "20260231102030"

    def head(self, cover: Cover) -> str:
        """Return the header."""
        place = f"{plain(cover.date)}|{cover.cycle:02d}|{cover.sequence:06d}"
        return f"H|{cover.institution.code}|{place}|{cover.flag}\n"

    def time(self, ms: int) -> str:
        """Write 20260405235958."""
        return dhaka_digits(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        kind = "REV" if row.is_taking_back else "PAY"
        names = f"{row.ours}|{row.theirs}|{_bill(row)}|{_account(row)}"
        return f"R|{kind}|{names}|{self.when(row)}|{taka(row.gross)}\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer."""
        del cover, digest
        return f"T|{totals.rows}|{taka(totals.gross)}\n"


class Nesco(FileLayout):
    """The daily detail; a reversal counts as one transaction less."""

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "Location,CcName,TransDate,TransNo,NescoTxId,BillNo,SndName,TxnCount,Collection,Principle,Vat,Lpc,"
            "Stamp,NetAmount\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        principal, vat, late, stamp = _lines(row.gross)
        return (
            f"RAJ1,{_COLLECTOR},{self.when(row)},{row.ours},{row.theirs},{_bill(row)},,"
            f"{-1 if row.is_taking_back else 1},{taka(row.gross)},{taka(principal)},{taka(vat)},{taka(late)},"
            f"{taka(stamp)},{taka(row.gross - stamp)}\n"
        )


class Wasa(FileLayout):
    """No reference but ours; refunds and reversals are negative."""

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "TransDate,TransNo,TransFrom,FromCatId,BillNo,AccountNumber,WaterBill,SewerBill,FixedCharge,"
            "VatAmt,SchargeAmt,NetServiceFee,TotalPayAmount,Gateway\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        principal, vat, late, stamp = _lines(row.gross)
        return (
            f"{self.when(row)},{row.ours},{_COLLECTOR},API,{_bill(row)},{_account(row)},{taka(principal)},0.00,"
            f"{taka(stamp)},{taka(vat)},{taka(late)},0.00,{taka(row.gross)},{_COLLECTOR}\n"
        )


class Gas(FileLayout):
    """No commission, so the cost is the paid amount."""

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "TransDate,TransNo,TransFrom,TransTo,BillNo,PayAmt,AgentCom,DistributorCom,BankRevenue,TotalCost,"
            "Gateway,BranchCode,PaidBy,ExtraId\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal
        paid = taka(row.gross)
        return (
            f"{self.when(row)},{row.ours},{_COLLECTOR},{cover.institution.id},{_bill(row)},{paid},0.00,0.00,0.00,{paid},"
            f"{_COLLECTOR},SYL2,{_account(row)},{row.theirs}\n"
        )


class Achallan(FileLayout):
    """Records of 100 characters."""

    extension = "txt"
    encoding = "ascii"
    is_counted = True
    no_day = "20260231102030"

    def head(self, cover: Cover) -> str:
        """Return the header record."""
        place = f"{plain(cover.date)}{cover.cycle:02d}{cover.sequence:06d}"
        text = f"H{cover.institution.code:<8}{place}{cover.flag}"
        return f"{text:<{_ACHALLAN_LENGTH}}\n"

    def time(self, ms: int) -> str:
        """Write 20260405235958."""
        return dhaka_digits(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one record."""
        del ordinal, cover
        text = f"D{row.ours:<20}{row.theirs:<20}{self.when(row):<14}{row.gross:015d}1114100010111"
        return f"{text:<{_ACHALLAN_LENGTH}}\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer record."""
        del cover, digest
        text = f"T{totals.rows:09d}{totals.gross:015d}"
        return f"{text:<{_ACHALLAN_LENGTH}}\n"
