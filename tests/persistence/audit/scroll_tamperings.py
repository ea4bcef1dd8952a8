"""What a superuser may do to scrolls behind everybody's back, and which row the audit must then name."""

from tests.persistence.audit.tamperings import Tampering

OF_FILE = (
    "SELECT 'scroll_files desco_postpaid ' || business_date || ' cycle 1' FROM scroll_files WHERE cycle = 1"
)
OF_SECOND = (
    "SELECT 'scroll_files desco_postpaid ' || business_date || ' cycle 2' FROM scroll_files WHERE cycle = 2"
)
OF_ROWS = "SELECT 'scroll_rows desco_postpaid'"
OF_FIRST = "SELECT 'scroll rows of payment ' || payment_id FROM scroll_rows WHERE seq = 1"
OF_PAYMENT = "SELECT 'scroll rows of payment'"

TAMPERINGS = (
    Tampering(
        "two amounts changed in balance",
        OF_FILE,
        (
            "UPDATE scroll_rows SET principal = principal + 1, total = total + 1 WHERE seq = 1",
            "UPDATE scroll_rows SET principal = principal - 1, total = total - 1 WHERE seq = 3",
        ),
    ),
    Tampering(
        "an amount changed with the total",
        OF_FILE,
        (
            "UPDATE scroll_rows SET principal = principal + 1, total = total + 1 WHERE seq = 1",
            "UPDATE scroll_files SET sum = sum + 1 WHERE cycle = 1",
        ),
    ),
    Tampering("a mark of stand-in", OF_FILE, ("UPDATE scroll_rows SET is_stand_in = true WHERE seq = 1",)),
    Tampering("another receipt", OF_FILE, ("UPDATE scroll_rows SET biller_ack_ref = 'R-2' WHERE seq = 1",)),
    Tampering("a row deleted", OF_ROWS, ("DELETE FROM scroll_rows WHERE seq = 2",)),
    Tampering(
        "the last row deleted",
        OF_SECOND,
        ("DELETE FROM scroll_rows WHERE seq = (SELECT max(seq) FROM scroll_rows)",),
    ),
    Tampering("a file deleted", OF_ROWS, ("DELETE FROM scroll_files WHERE cycle = 1",)),
    Tampering(
        "the digest changed", OF_FILE, ("UPDATE scroll_files SET sha256 = repeat('0', 64) WHERE cycle = 1",)
    ),
    Tampering("the count changed", OF_FILE, ("UPDATE scroll_files SET rows = rows + 1 WHERE cycle = 1",)),
)

# Totals and digests are made right again after these.
REWRITTEN = (
    Tampering(
        "a row given to a payment that was never paid",
        OF_PAYMENT,
        (
            (
                "UPDATE scroll_rows SET payment_id = "
                "(SELECT id FROM payments WHERE state = 'refunded' LIMIT 1) WHERE seq = 1"
            ),
        ),
    ),
    Tampering(
        "rows moved to another biller",
        OF_PAYMENT,
        (
            "UPDATE payments SET biller_id = 'breb_postpaid' WHERE scroll_no IS NOT NULL",
            "UPDATE scroll_counters SET series = 'breb_postpaid'",
        ),
    ),
    Tampering(
        "a mark of stand-in",
        OF_FIRST,
        ("UPDATE scroll_rows SET is_stand_in = true WHERE seq = 1",),
    ),
    Tampering("another number", OF_PAYMENT, ("UPDATE scroll_rows SET scroll_no = 99 WHERE seq = 1",)),
    Tampering(
        "an amount changed",
        OF_FIRST,
        ("UPDATE scroll_rows SET principal = principal + 1, total = total + 1 WHERE seq = 1",),
    ),
    Tampering(
        "a payment told as void",
        OF_FIRST,
        ("UPDATE scroll_rows SET row_type = 'VOID', principal = 0, vat = 0, total = 0 WHERE seq = 1",),
    ),
    Tampering(
        "more taken back than was paid",
        OF_PAYMENT,
        (
            (
                "UPDATE scroll_rows SET principal = principal * 9, total = total * 9 "
                "WHERE row_type = 'REV' AND total = -30000"
            ),
        ),
    ),
    Tampering(
        "more taken back than was refunded",
        OF_PAYMENT,
        (
            (
                "UPDATE scroll_rows SET principal = principal - 1, total = total - 1 "
                "WHERE row_type = 'REV' AND total = -30000"
            ),
        ),
    ),
    Tampering(
        "payments left out of a file and of the one after it",
        OF_PAYMENT,
        (
            "DELETE FROM scroll_rows WHERE cycle = 2",
            "UPDATE scroll_files SET business_date = business_date + 2 WHERE cycle = 2",
        ),
    ),
)
