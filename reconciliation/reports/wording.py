"""What a report says in two languages beside its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN, QUIET, REJECTED
from reconciliation.intake.file_register import FileState

PAISA_PER_TAKA = 100
_THOUSAND, _PAIR = 3, 2


@dataclass(frozen=True, slots=True)
class Words:
    """The same in English and Bangla."""

    en: str
    bn: str

    @property
    def both(self) -> str:
        """Both, English first, as a cell shows it."""
        return f"{self.en} · {self.bn}"


AS_OF: Mapping[str, Words] = {
    "night": Words("Reconciliation of a night", "এক রাতের মিলকরণ প্রতিবেদন"),
    "month": Words("Reconciliation of a month", "এক মাসের মিলকরণ প্রতিবেদন"),
}
KINDS: Mapping[str, Words] = {
    "funds": Words("funds", "টাকা আসে"),
    "delivery": Words("delivery", "বিল জমা"),
    "statement": Words("statement", "ব্যাংক বিবরণী"),
}
FATES: Mapping[str, Words] = {
    MATCHED: Words("matched", "মিলেছে"),
    BROKEN: Words("apart", "অমিল"),
    REJECTED: Words("rejected", "বাতিল"),
    OPEN: Words("waiting", "অপেক্ষমাণ"),
    QUIET: Words("failed, and in no file", "ব্যর্থ, কোনো ফাইলে নেই"),
}
STATES: Mapping[str, Words] = {
    FileState.LOADED.value: Words("loaded", "নেওয়া হয়েছে"),
    FileState.SUPERSEDED.value: Words("superseded", "বদলানো হয়েছে"),
    FileState.REFUSED.value: Words("refused", "ফেরত"),
    FileState.DUPLICATE.value: Words("duplicate", "অনুলিপি"),
    FileState.REPLAYED.value: Words("replayed", "আটকে আছে"),
    "missing": Words("missing", "আসেনি"),
    "open": Words("open", "খোলা"),
    "overdue": Words("overdue", "সময়সীমা পেরিয়েছে"),
    "ended": Words("ended", "মিটেছে"),
    "yes": Words("yes", "হ্যাঁ"),
    "no": Words("no", "না"),
}
HELD: Mapping[str, Words] = {
    "held": Words("holds", "টিকেছে"),
    "failed": Words("FAILS", "টেকেনি"),
    "later": Words("proven at the end of the month", "মাস শেষে যাচাই হবে"),
}
INVARIANTS: Mapping[str, Words] = {
    "conservation": Words("conservation", "প্রতিটি সারির একটিই পরিণতি"),
    "order_independence": Words("order independence", "সারির ক্রম বদলালেও ফল এক"),
    "idempotence": Words("idempotence", "একই ফাইল দুবার এলে ফল বদলায় না"),
    "restatement": Words("restatement", "সংশোধনীর ফল শুরু থেকে হিসাবের সমান"),
    "engine_independence": Words("engine independence", "দুই ইঞ্জিনে একই ফল"),
    "netting": Words("netting", "সব অবস্থানের যোগফল শূন্য"),
    "no_double_use": Words("no double use", "কোনো সারি দুবার মেলেনি"),
}
EVIDENCE: Mapping[str, Words] = {
    "run": Words("Run digest", "পুরো হিসাবের সারাংক"),
    "findings": Words("Findings of the night", "রাতের অমিলগুলোর সারাংক"),
    "outcome": Words("What became of every row", "প্রতিটি সারির পরিণতি"),
    "rows": Words("Rows as they lie on disk", "ডিস্কে রাখা সারি"),
    "ledger": Words("Our books", "আমাদের খাতা"),
    "files": Words("Files", "ফাইল"),
    "rules": Words("Rules and layouts", "নিয়ম ও বিন্যাস"),
    "calendar_version": Words("Version of the calendar", "পঞ্জিকার সংস্করণ"),
    "rules_version": Words("Version of the rules", "নিয়মের সংস্করণ"),
}


def grouped_taka(paisa: int) -> str:
    """Paisa as taka with two decimals, grouped by thousand, lakh and crore: `1,23,456.78`."""
    taka, rest = divmod(abs(paisa), PAISA_PER_TAKA)
    sign = "-" if paisa < 0 else ""
    return f"{sign}{grouped(taka)}.{rest:02d}"


def grouped(count: int) -> str:
    """A whole number that is not negative, grouped as `1,23,456`."""
    digits = str(count)
    head, groups = digits[:-_THOUSAND], [digits[-_THOUSAND:]]
    while head:
        head, group = head[:-_PAIR], head[-_PAIR:]
        groups.insert(0, group)
    return ",".join(groups)
