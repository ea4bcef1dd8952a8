"""The accounts of the chart in words, by the first part of their code."""

from collections.abc import Mapping

from ekpay_switch.domain.ledger.entries import AccountKind, kind_of
from reconciliation.reports.wording import BilingualText

ACCOUNT_WORDS: Mapping[str, BilingualText] = {
    "prefund": BilingualText("prefund of a partner", "অংশীদারের অগ্রিম জমা"),
    "in_flight": BilingualText("money under way", "প্রক্রিয়াধীন টাকা"),
    "payable": BilingualText("owed to a payee", "প্রাপককে দেয়"),
    "refund_due": BilingualText("refunds owed to payers", "পরিশোধকারীকে ফেরতযোগ্য"),
    "suspense": BilingualText("suspense", "অনিষ্পন্ন হিসাব"),
    "vat_payable": BilingualText("VAT owed to the state", "সরকারকে দেয় ভ্যাট"),
    "withheld_tax_payable": BilingualText(
        "tax withheld from payouts, owed to the state", "উৎসে কর্তিত কর, সরকারকে দেয়"
    ),
    "stamp_payable": BilingualText("stamp duty owed to the state", "সরকারকে দেয় স্ট্যাম্প"),
    "commission_payable": BilingualText("commission owed", "দেয় কমিশন"),
    "clearing": BilingualText("instructed, not booked by the bank", "নির্দেশিত, ব্যাংকে এখনো লেখা হয়নি"),
    "withdrawal_due": BilingualText("withdrawn, due to a partner", "অংশীদারকে দেয় উত্তোলন"),
    "sweep_due": BilingualText("own income or VAT, to be paid out", "পরিশোধযোগ্য নিজস্ব আয় বা ভ্যাট"),
    "deposit_due": BilingualText("to be sent to a deposit at a utility", "সেবা সংস্থার জমায় পাঠাতে হবে"),
    "own_funds": BilingualText("paid in by our owners", "মালিকদের দেওয়া মূলধন"),
    "receivable": BilingualText("owed to us", "আমাদের পাওনা"),
    "disputed": BilingualText("held back in disputes", "বিরোধে আটকা টাকা"),
    "settlement_bank": BilingualText("our settlement bank", "আমাদের নিষ্পত্তি ব্যাংক হিসাব"),
    "biller_deposit": BilingualText("deposit at a utility", "সেবা সংস্থায় জমা"),
    "claim": BilingualText("claim", "দাবি"),
    "connector_fee": BilingualText("fee kept by a connector", "সংযোগকারীর ফি"),
    "agent_commission": BilingualText("commission of agents", "এজেন্টদের কমিশন"),
    "bank_charges": BilingualText("bank charges", "ব্যাংক চার্জ"),
    "write_off": BilingualText("written off", "অবলোপন"),
    "rounding": BilingualText("rounding", "পূর্ণাঙ্ক সমন্বয়"),
    "charge_income": BilingualText("charges earned", "চার্জ বাবদ আয়"),
    "fee_income": BilingualText("fees earned", "ফি বাবদ আয়"),
}
KIND_WORDS: Mapping[AccountKind, BilingualText] = {
    AccountKind.ASSET: BilingualText("asset", "সম্পদ"),
    AccountKind.EXPENSE: BilingualText("expense", "ব্যয়"),
    AccountKind.LIABILITY: BilingualText("liability", "দায়"),
    AccountKind.INCOME: BilingualText("income", "আয়"),
}


def account_words(account: str) -> BilingualText:
    """What an account is, in both languages.

    Raises:
        UnknownAccountError: the chart has no such account.
    """
    kind_of(account)
    return ACCOUNT_WORDS[account.split(":", 1)[0]]
