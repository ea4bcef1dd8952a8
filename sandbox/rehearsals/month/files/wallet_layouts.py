"""The settlement files of wallets and aggregators; Nagad's is in `nagad_workbook`."""

from sandbox.kit.institution.amounts import lakh, taka
from sandbox.rehearsals.month.files.layouts import (
    Cover,
    FileLayout,
    Totals,
    bracketed,
    credit_or_debit,
    masked_card,
    masked_wallet,
)
from sandbox.rehearsals.month.model.instants import CLOCK, dashed, dhaka, named, plain, split
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent, RowStatus

_CRLF = "\r\n"
_BKASH_TYPES = {
    RowEvent.PAYMENT: "Payment", RowEvent.REFUND: "Refund", RowEvent.REVERSAL: "Refund",
    RowEvent.CHARGEBACK: "Chargeback",
}  # fmt: skip


class Bkash(FileLayout):
    """Amounts without a sign beside a signed credited amount."""

    no_day = "2026-02-31T10:20:30:000 GMT+0600"

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "trxID,paymentID,merchantInvoiceNumber,transactionType,initiationTime,completedTime,debitMSISDN,"
            "amount,serviceFee,creditedAmount,currency,transactionStatus,originalTrxID\r\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05T23:59:58:123 GMT+0600."""
        day, second, milli = split(ms)
        return f"{dashed(day)}T{CLOCK[second]}:{milli:03d} GMT+0600"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        status = "Completed" if row.status is RowStatus.SUCCESS else "Failed"
        original = row.original.theirs if row.original else ""
        return (
            f"{row.theirs},{row.bill or f'TR0011{row.number:014d}'},{row.ours},{_BKASH_TYPES[row.event]},"
            f"{self.time(row.ms - 42_000)},{self.when(row)},{row.account or masked_wallet(row.number)},"
            f"{taka(abs(row.gross))},{taka(row.fee + row.vat)},{taka(row.net)},"
            f"{row.currency},{status},{original}\r\n"
        )


class Sslcommerz(FileLayout):
    """A BOM, a quoted issuer, and refunds marked by their reference."""

    def head(self, cover: Cover) -> str:
        """Return the BOM and the header line."""
        del cover
        return (
            "\ufefftran_id,val_id,bank_tran_id,tran_date,card_type,card_brand,card_issuer,currency,amount,"
            "store_amount,charge,refund_ref_id,settlement_date,payout_ref\r\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal
        bank_name, refund_name = (row.original.theirs, row.theirs) if row.original else (row.theirs, "")
        payout = cover.institution.payout(cover.date)
        return (
            f"{row.ours},{row.number:016d}v,{bank_name},{self.when(row)},VISA-Brac bank,VISA,"
            f'"BRAC BANK, LTD.",{row.currency},{taka(row.gross)},{taka(row.net)},{taka(row.fee + row.vat)},'
            f"{refund_name},{dashed(payout)},{cover.institution.batch(plain(payout))}\r\n"
        )


_UPAY_WORDS = {RowStatus.SUCCESS: "success", RowStatus.FAILED: "failed"}


class UpayLayout(FileLayout):
    """Tk and lakh grouping, quoted where there is a comma, and a line of totals."""

    is_counted = True

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return "txn_id,invoice_id,method,date_time,amount,fee,net,status\n"

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        word = "refunded" if row.is_taking_back else _UPAY_WORDS[row.status]
        amounts = f"{_tk(row.gross)},{_tk(row.fee + row.vat)},{_tk(row.net)}"
        return f"{row.theirs},{row.ours},wallet,{self.when(row)},{amounts},{word}\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the line of totals."""
        del cover, digest
        charged = totals.fee + totals.vat
        return f"TOTAL,{totals.rows},,,{_tk(totals.gross)},{_tk(charged)},{_tk(totals.net)},\n"


def _tk(paisa: int) -> str:
    text = f"Tk {lakh(paisa)}"
    return f'"{text}"' if "," in text else text


class Okwallet(FileLayout):
    """Net amounts only, with CR and DR."""

    extension = "txt"
    is_counted = True

    def head(self, cover: Cover) -> str:
        """Return the header."""
        place = f"{plain(cover.date)}|{cover.cycle:02d}|{cover.sequence:06d}"
        return f"HDR|{cover.institution.code}|{place}|{cover.flag}\n"

    def time(self, ms: int) -> str:
        """Write 2026-04-05 23:59:58."""
        return dhaka(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        return f"TXN|{row.theirs}|{row.ours}|{self.when(row)}|{credit_or_debit(row.net)}\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer."""
        del cover, digest
        return f"TRL|{totals.rows}|{credit_or_debit(totals.net)}\n"


class Mcash(FileLayout):
    """Unicode text as a spreadsheet saves it: UTF-16, tabs, brackets around negative amounts."""

    encoding = "utf-16-le"
    extension = "txt"
    no_day = "31-Feb-2026 10:20:30"

    def head(self, cover: Cover) -> str:
        """Return the mark of the byte order and the header line."""
        del cover
        columns = (
            "transactionId", "merchantOrderId", "type", "dateTime", "amount", "charge", "vat", "net",
            "currency", "state",
        )  # fmt: skip
        return "\ufeff" + "\t".join(columns) + _CRLF

    def time(self, ms: int) -> str:
        """Write 05-Apr-2026 23:59:58."""
        day, second, _ = split(ms)
        return f"{named(day)} {CLOCK[second]}"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        kind = "REFUND" if row.is_taking_back else "SALE"
        state = "SUCCESS" if row.status is RowStatus.SUCCESS else "FAILED"
        amounts = "\t".join(map(bracketed, (row.gross, row.fee, row.vat, row.net)))
        return f"{row.theirs}\t{row.ours}\t{kind}\t{self.when(row)}\t{amounts}\t{row.currency}\t{state}\r\n"


class Nexus(FileLayout):
    """Whole paisa, and milliseconds since 1970."""

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "TRANSACTION_ID,txnrefnum,RRN,APPROVAL_CODE,CARD_NUMBER,CARDNAME,AMOUNT,TRANS_DATE,RESULT_CODE,"
            "FEE,VAT,NET\n"
        )

    def time(self, ms: int) -> str:
        """Write milliseconds since 1970 in UTC."""
        return str(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal
        code = "000" if row.status is RowStatus.SUCCESS else "116"
        card = row.account or masked_card(row.number)
        return (
            f"{row.number:024X},{row.ours},{row.theirs},{row.number * 31 % 1_000_000:06d},"
            f"{card},{cover.institution.code},{row.gross},{self.when(row)},{code},{row.fee},{row.vat},{row.net}\n"
        )
