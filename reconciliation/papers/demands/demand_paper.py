"""A demand as PDF, in Bangla and English.

It says what was kept at its approval, so it has the same bytes ever after.
"""

import sys
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from ekpay_switch.domain.business_day import business_date
from reconciliation.errors import ReportError
from reconciliation.papers.statement_paper import PROGRAM
from reconciliation.papers.tax.tax_words import date_words, page_name, taka_words, words_of
from reconciliation.papers.written_files import WrittenFiles
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText
from reconciliation.settlement.store.demands import Demand

TITLE: Final = BilingualText("Demand for payment", "পাওনা পরিশোধের দাবি")
_REHEARSAL: Final = BilingualText(
    "REHEARSAL: no money of this installation is real. Nothing is to be paid.",
    "মহড়া: এখানকার কোনো টাকা আসল নয়। কিছু পরিশোধ করতে হবে না।",
)
_NOTES: Final = (
    BilingualText(
        "Please write the reference into the transfer: by it we know that the money is yours.",
        "টাকা পাঠানোর সময় এই রেফারেন্সটি লিখুন: এটি দিয়েই আমরা আপনার টাকা চিনব।",
    ),
    BilingualText(
        "What we come to owe you after this date is set off against it; pay what is left then.",
        "এই তারিখের পর আমাদের কাছে আপনার যা পাওনা হবে তা এর সঙ্গে সমন্বয় হবে; তখন যা বাকি থাকে তা দিন।",
    ),
)


def write_demand(demand: Demand, files: WrittenFiles) -> None:
    """Write the paper of an approved demand.

    Raises:
        ReportError: it is not approved, or the PDF could not be set.
    """
    page = set_as_pdf(demand_page(demand), (sys.executable, "-m", PROGRAM, "demand"))
    files.path(f"demand_{demand.name}_{str(demand.party).replace(':', '-')}.pdf").write_bytes(page)


def demand_page(demand: Demand) -> Mapping[str, Any]:
    """The page of a demand, as text.

    Raises:
        ReportError: it is not approved.
    """
    content = demand.content
    if content is None or demand.approved_at is None or demand.due_on is None:
        raise ReportError(
            f"{demand.name} is not approved: ekpay settle debts approve {demand.number} --by NAME"
        )
    account = content["account"]
    since = date.fromisoformat(content["owed_since"])
    return {
        "title": words_of(TITLE),
        "name": demand.name,
        "mark": words_of(_REHEARSAL) if content["is_rehearsal"] else None,
        "issuer": account["name"],
        "payee": {"name": page_name(content["name"]), "id": str(demand.party)},
        "issued": words_of(date_words(business_date(demand.approved_at))),
        "dated": int(demand.approved_at.timestamp()),
        "amount": words_of(taka_words(content["amount"])),
        "due": words_of(date_words(demand.due_on)),
        "since": words_of(date_words(since)),
        "reference": content["reference"],
        "account": {name: account[name] for name in ("name", "account", "routing_number", "bic")},
        "notes": [words_of(note) for note in _NOTES],
    }
