"""The settlement files of banks and of the national switch."""

from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.month.files.layouts import NO_DAY, Cover, FileLayout, Totals, masked_card
from sandbox.rehearsals.month.model.instants import (
    CLOCK,
    DIGITS,
    bangla,
    dashed,
    dhaka_digits,
    plain,
    slashed,
    split,
    split_utc,
    utc,
)
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent, RowStatus

_JANATA_LENGTH = 120


class SonaliSpg(FileLayout):
    """Semicolons, and Bangla digits in amounts and times."""

    is_counted = True
    no_day = bangla("31/02/2026 10:20:30")

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "ScrollNo;BrCode;TransactionId;TransactionDate;InvoiceNo;crAccount;PayAmount;Vat;Commission;"
            "PayMode\n"
        )

    def time(self, ms: int) -> str:
        """Write the day, month and year and the time of day in Bangla digits."""
        day, second, _ = split(ms)
        return f"{slashed(day)} {bangla(CLOCK[second])}"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal
        amounts = bangla(f"{taka(row.gross)};{taka(row.vat)};{taka(row.fee)}")
        names = f"{row.theirs};{self.when(row)};{row.ours}"
        return f"{plain(cover.date)}1;0127;{names};0000000000001;{amounts};A01\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the line of totals."""
        del cover, digest
        sums = bangla(f"{taka(totals.gross)};{taka(totals.vat)};{taka(totals.fee)}")
        return f"মোট;{bangla(str(totals.rows))};;;;;{sums};\n"


_EBL_TYPES = {
    RowEvent.PAYMENT: "PAYMENT", RowEvent.REFUND: "REFUND", RowEvent.REVERSAL: "REFUND",
    RowEvent.CHARGEBACK: "CHARGEBACK",
}  # fmt: skip


class Ebl(FileLayout):
    """The columns of a card gateway's report, with times in UTC."""

    no_day = f"{NO_DAY}T10:20:30.000Z"

    def head(self, cover: Cover) -> str:
        """Return the header line."""
        del cover
        return (
            "order.id,transaction.id,transaction.type,timeOfRecord,order.amount,order.currency,"
            "response.gatewayCode,transaction.receipt,transaction.authorizationCode,"
            "transaction.acquirer.settlementDate,transaction.acquirer.batch,transaction.amount,fee,vat,net\n"
        )

    def time(self, ms: int) -> str:
        """Write 2026-04-05T17:59:58.000Z."""
        return f"{utc(ms)[:-4]}000Z"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal
        ordered = row.original.gross if row.original else row.gross
        code = "APPROVED" if row.status is RowStatus.SUCCESS else "DECLINED"
        return (
            f"{row.ours},{'R' if row.is_taking_back else 'P'}1,{_EBL_TYPES[row.event]},{self.when(row)},"
            f"{taka(ordered)},{row.currency},{code},{row.theirs},{row.number * 17 % 1_000_000:06d},"
            f"{dashed(cover.date)},{plain(cover.date)}01,{taka(row.gross)},{taka(row.fee)},{taka(row.vat)},"
            f"{taka(row.net)}\n"
        )


class Janata(FileLayout):
    """Records of 120 characters, as a host writes them."""

    extension = "txt"
    encoding = "ascii"
    is_counted = True
    is_hashed = True

    def head(self, cover: Cover) -> str:
        """Return the header record."""
        place = f"{plain(cover.date)}{cover.cycle:02d}{cover.sequence:06d}"
        text = f"H{cover.institution.code:<8}{place}{cover.flag}"
        return f"{text:<{_JANATA_LENGTH}}\n"

    def time(self, ms: int) -> str:
        """Write DE12 and DE13: time of day, month and day."""
        day, second, _ = split(ms)
        return DIGITS[second] + plain(day)[4:]

    def when(self, row: MonthRow) -> str:
        """Write DE12 and DE13, or an impossible date."""
        return self.time(row.ms) if row.spoiled is None else f"{self.time(row.ms)[:6]}0231"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one record."""
        del ordinal
        day, second, _ = split_utc(row.ms)
        code = "00" if row.status is RowStatus.SUCCESS else "91"
        reversed_ = "N" if row.status is RowStatus.SUCCESS else "Y"
        text = (
            f"D{'0420' if row.is_taking_back else '0200'}{masked_card(row.number):<19}500000"
            f"{abs(row.gross):012d}{plain(day)[4:]}{DIGITS[second]}{row.number % 1_000_000:06d}"
            f"{self.when(row)}{plain(cover.date)[4:]}{'135':<11}"
            f"{row.ours}{row.theirs:<6}{code}{abs(row.fee + row.vat):010d}{reversed_}"
        )
        return f"{text:<{_JANATA_LENGTH}}\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer record."""
        del cover, digest
        text = f"T{totals.rows:09d}{totals.size:015d}{totals.hashed:012d}"
        return f"{text:<{_JANATA_LENGTH}}\n"


class Npsb(FileLayout):
    """Carets between header and trailer, with a hash total."""

    extension = "txt"
    encoding = "ascii"
    is_counted = True
    is_hashed = True
    no_day = "20260231102030"

    def head(self, cover: Cover) -> str:
        """Return the header."""
        return f"FH^NPSB^{cover.flag}^EKPAY^{plain(cover.date)}^{cover.cycle:02d}^{cover.sequence:06d}^BDT\n"

    def time(self, ms: int) -> str:
        """Write 20260405235958."""
        return dhaka_digits(ms)

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        code = "00" if row.status is RowStatus.SUCCESS else "51"
        amounts = "^".join(str(abs(paisa)) for paisa in (row.gross, row.fee, row.vat, row.net))
        kind = "R" if row.is_taking_back else "P"
        return (
            f"D^{kind}^{row.ours}^{row.theirs}^{self.when(row)}^{amounts}^{code}^{masked_card(row.number)}\n"
        )

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the trailer."""
        del cover, digest
        return f"FT^{totals.rows}^{totals.size}^{totals.hashed}\n"
