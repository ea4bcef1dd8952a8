"""What issuing the documents of a month has in common: one transaction, closed dates, a registered issuer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.errors import ConfigurationError, ReportError
from reconciliation.papers.tax.issuer import FILE_NAME, InvoiceSettings
from reconciliation.papers.trial_balance import TrialBalance
from reconciliation.resolutions.deciding_persons import refuse_removed

_PATIENCE: Final = (
    "SET LOCAL statement_timeout = '30min'; SET LOCAL idle_in_transaction_session_timeout = '30min'"
)


def refuse_placeholder(settings: InvoiceSettings, finance: Finance) -> None:
    """Refuse to issue where the issuer is made up and the money is real.

    Raises:
        ConfigurationError: it is so.
    """
    if settings.is_placeholder and not finance.is_rehearsal:
        raise ConfigurationError(
            f"{FILE_NAME}: status: the issuer is made up; put in name, address and BIN of the VAT"
            ' registration certificate and set it to "registered"'
        )


@asynccontextmanager
async def issuing_transaction(finance: Finance) -> AsyncIterator[Connection]:
    """One transaction over one snapshot, in which all documents of a month are read and written.

    Raises:
        ReportError: somebody else issues at this moment, or the database refuses a document.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(_PATIENCE)
            yield connection
    except (asyncpg.UniqueViolationError, asyncpg.SerializationError) as problem:
        raise ReportError("somebody else issues this month now: look at it again") from problem
    except asyncpg.CheckViolationError as problem:
        raise ReportError(str(problem)) from problem
    finally:
        await connection.close()


async def refuse_issuing(
    connection: Connection, finance: Finance, trial_balance: TrialBalance, issued_by: str
) -> None:
    """Refuse documents of a month that may still change, or by a person who decides nothing any more.

    Raises:
        ReportError: a business date of the month, or before it, is not closed.
        UnfitError: the person was removed.
    """
    if not trial_balance.is_final:
        month = f"{trial_balance.period.first:%Y-%m}"
        raise ReportError(f"a business date of {month}, or before it, is not closed yet")
    await refuse_removed(connection, finance, (issued_by,))
