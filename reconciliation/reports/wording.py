"""The wording of reports in two languages."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN, QUIET, REJECTED, OutcomeCode
from reconciliation.intake.file_register import FileState


@dataclass(frozen=True, slots=True)
class BilingualText:
    """The same in English and Bangla."""

    en: str
    bn: str

    @property
    def bilingual(self) -> str:
        """Both, English first, as a cell shows it."""
        return f"{self.en} · {self.bn}"


AS_OF: Mapping[str, BilingualText] = {
    "night": BilingualText("Reconciliation of a night", "দৈনিক হিসাব সমন্বয় প্রতিবেদন"),
    "month": BilingualText("Reconciliation of a month", "মাসিক হিসাব সমন্বয় প্রতিবেদন"),
}
KINDS: Mapping[str, BilingualText] = {
    "funds": BilingualText("funds", "টাকা আসে"),
    "delivery": BilingualText("delivery", "বিল জমা"),
    "statement": BilingualText("statement", "ব্যাংক বিবরণী"),
}
FATES: Mapping[str, BilingualText] = {
    MATCHED: BilingualText("matched", "মিলেছে"),
    BROKEN: BilingualText("apart", "গরমিল"),
    REJECTED: BilingualText("rejected", "বাতিল"),
    OPEN: BilingualText("waiting", "অপেক্ষমাণ"),
    QUIET: BilingualText("failed, and in no file", "ব্যর্থ, কোনো ফাইলে নেই"),
}
OUTCOMES: Mapping[str, BilingualText] = {
    OutcomeCode.NORMAL: BilingualText("normal", "স্বাভাবিক"),
    OutcomeCode.STAND_IN: BilingualText("paid in stand-in", "বিকল্প ব্যবস্থায় পরিশোধিত"),
    OutcomeCode.LATE_ADVICE: BilingualText("paid and advised late", "পরিশোধিত, পরে জানানো হয়েছে"),
    OutcomeCode.NO_RECEIPT: BilingualText("paid without receipt", "পরিশোধিত, রসিদ নেই"),
    OutcomeCode.REVERSED: BilingualText("paid and reversed", "পরিশোধের পর ফেরত নেওয়া হয়েছে"),
}
STATES: Mapping[str, BilingualText] = {
    FileState.LOADED.value: BilingualText("loaded", "নেওয়া হয়েছে"),
    FileState.SUPERSEDED.value: BilingualText("superseded", "বদলানো হয়েছে"),
    FileState.REFUSED.value: BilingualText("refused", "ফেরত"),
    FileState.DUPLICATE.value: BilingualText("duplicate", "অনুলিপি"),
    FileState.REPLAYED.value: BilingualText("replayed", "আটকে আছে"),
    "missing": BilingualText("missing", "আসেনি"),
    "open": BilingualText("open", "খোলা"),
    "overdue": BilingualText("overdue", "সময়সীমা পেরিয়েছে"),
    "ended": BilingualText("ended", "মিটেছে"),
    "yes": BilingualText("yes", "হ্যাঁ"),
    "no": BilingualText("no", "না"),
}
CHECK_RESULTS: Mapping[str, BilingualText] = {
    "held": BilingualText("holds", "টিকেছে"),
    "failed": BilingualText("FAILS", "টেকেনি"),
    "later": BilingualText("proven at the end of the month", "মাস শেষে যাচাই হবে"),
}
INVARIANTS: Mapping[str, BilingualText] = {
    "conservation": BilingualText("conservation", "প্রতিটি সারির একটিই পরিণতি"),
    "order_independence": BilingualText("order independence", "সারির ক্রম বদলালেও ফল এক"),
    "idempotence": BilingualText("idempotence", "একই ফাইল দুবার এলে ফল বদলায় না"),
    "restatement": BilingualText("restatement", "সংশোধনীর ফল শুরু থেকে হিসাবের সমান"),
    "engine_independence": BilingualText("engine independence", "দুই ইঞ্জিনে একই ফল"),
    "netting": BilingualText("netting", "সব অবস্থানের যোগফল শূন্য"),
    "no_double_use": BilingualText("no double use", "কোনো সারি দুবার মেলেনি"),
}
EVIDENCE: Mapping[str, BilingualText] = {
    "run": BilingualText("Run digest", "পুরো হিসাবের সারাংক"),
    "findings": BilingualText("Findings of the night", "রাতের গরমিলগুলোর সারাংক"),
    "outcome": BilingualText("What became of every row", "প্রতিটি সারির পরিণতি"),
    "rows": BilingualText("Rows as they lie on disk", "ডিস্কে রাখা সারি"),
    "ledger": BilingualText("Our books", "আমাদের খাতা"),
    "files": BilingualText("Files", "ফাইল"),
    "rules": BilingualText("Rules and layouts", "নিয়ম ও বিন্যাস"),
    "calendar_version": BilingualText("Version of the calendar", "পঞ্জিকার সংস্করণ"),
    "rules_version": BilingualText("Version of the rules", "নিয়মের সংস্করণ"),
}
