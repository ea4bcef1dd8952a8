"""What each moment of an entry means, in both languages, for people who read a ledger or a statement."""

from collections.abc import Mapping

from reconciliation.reports.wording import BilingualText

_REVERSED = "_reversed"
MOMENT_WORDS: Mapping[str, BilingualText] = {
    "accepted": BilingualText("held for a payment", "পরিশোধের জন্য রাখা হলো"),
    "break_bank_fee": BilingualText("break: fee of our bank", "গরমিল: আমাদের ব্যাংকের ফি"),
    "break_books_corrected": BilingualText("break: our books corrected", "গরমিল: আমাদের খাতা সংশোধিত"),
    "break_claim_received": BilingualText("break: claim received", "গরমিল: দাবির টাকা পাওয়া গেল"),
    "break_claim_written_off": BilingualText("break: claim written off", "গরমিল: দাবি অবলোপন"),
    "break_claimed": BilingualText("break: claimed", "গরমিল: দাবি করা হলো"),
    "break_fee_accepted": BilingualText("break: fee accepted", "গরমিল: ফি মেনে নেওয়া হলো"),
    "break_owed_back": BilingualText("break: owed back to the payer", "গরমিল: পরিশোধকারীকে ফেরতযোগ্য"),
    "break_paid_back_by_hand": BilingualText("break: paid back by bank transfer", "গরমিল: ব্যাংক থেকে ফেরত"),
    "break_pays_payouts": BilingualText("break: line pays payouts", "গরমিল: পাওনা টাকা হিসেবে নেওয়া হলো"),
    "break_rounding_accepted": BilingualText("break: rounding accepted", "গরমিল: পূর্ণাঙ্ক সমন্বয়"),
    "break_to_suspense": BilingualText("break: moved to suspense", "গরমিল: অনিষ্পন্ন হিসাবে নেওয়া হলো"),
    "break_written_off": BilingualText("break: written off", "গরমিল: অবলোপন"),
    "cart_funded": BilingualText("bills of a cart paid by a citizen", "নাগরিকের পরিশোধিত বিলসমূহ"),
    "commission_earned": BilingualText("commission earned at counters", "কাউন্টারে অর্জিত কমিশন"),
    "charged_back_from_suspense": BilingualText("charged back from suspense", "অনিষ্পন্ন হিসাব থেকে চার্জব্যাক"),
    "collected": BilingualText("collected from the payer", "পরিশোধকারীর কাছ থেকে সংগৃহীত"),
    "collected_without_payment": BilingualText("collected without an open payment", "খোলা পরিশোধ ছাড়া সংগৃহীত"),
    "debited_after_late_success": BilingualText(
        "payment completed after it was given back", "ফেরতের পর সম্পন্ন পরিশোধ"
    ),
    "delivered": BilingualText("payment completed", "পরিশোধ সম্পন্ন"),
    "deposited": BilingualText("deposit at a utility raised", "সেবা সংস্থায় জমা বাড়ানো হলো"),
    "dispute_lost": BilingualText("dispute lost: paid back", "বিরোধে হার: টাকা ফেরত"),
    "dispute_won": BilingualText("dispute won: owed to us again", "বিরোধে জয়: আবার আমাদের পাওনা"),
    "funded_from_suspense": BilingualText("payment funded from suspense", "অনিষ্পন্ন টাকা থেকে পরিশোধ"),
    "given_back": BilingualText("payment given back", "পরিশোধের টাকা ফেরত"),
    "held_in_dispute": BilingualText("held back by a connector in a dispute", "বিরোধে সংযোগকারীর কাছে আটকা"),
    "journal": BilingualText("entry of finance", "অর্থ বিভাগের এন্ট্রি"),
    "late_success_written_off": BilingualText("late payment at our loss", "দেরিতে সম্পন্ন পরিশোধ, আমাদের ক্ষতি"),
    "owed_back": BilingualText("owed back to the payer", "পরিশোধকারীকে ফেরতযোগ্য"),
    "owed_back_as_loss": BilingualText("refund at our loss", "আমাদের ক্ষতিতে ফেরত"),
    "owed_back_by_payee": BilingualText("refund borne by the payee", "প্রাপকের হিসাব থেকে ফেরত"),
    "owed_back_by_shares": BilingualText("refund borne by the payees", "প্রাপকদের অংশ থেকে ফেরত"),
    "owed_back_from_suspense": BilingualText("refund from suspense", "অনিষ্পন্ন টাকা থেকে ফেরত"),
    "owed_by_merchant": BilingualText("refunds owed by the merchant", "মার্চেন্টের কাছে ফেরতের পাওনা"),
    "paid_back": BilingualText("refund paid", "ফেরত দেওয়া হলো"),
    "paid_back_before": BilingualText("refund paid before", "আগে দেওয়া ফেরত"),
    "paid_back_by_hand": BilingualText("refund paid by bank transfer", "ব্যাংক থেকে ফেরত দেওয়া হলো"),
    "paid_back_late": BilingualText("refund paid late", "দেরিতে দেওয়া ফেরত"),
    "payout_received": BilingualText("payout of a connector received", "সংযোগকারীর টাকা পাওয়া গেল"),
    "posted_after_give_back": BilingualText(
        "biller posted after it was given back", "ফেরতের পর বিলারের কাছে জমা"
    ),
    "prefund_withdrawn": BilingualText("withdrawn by the partner", "অংশীদার তুলে নিয়েছে"),
    "returned_at_our_loss": BilingualText("payment returned at our loss", "আমাদের ক্ষতিতে পরিশোধ ফেরত"),
    "returned_to_prefund": BilingualText("payment returned", "পরিশোধের টাকা ফেরত এলো"),
    "set_aside_for_challan": BilingualText("set aside for a challan", "চালানের জন্য রাখা হলো"),
    "settlement_instructed": BilingualText("payout instructed", "পরিশোধের নির্দেশ দেওয়া হলো"),
    "settlement_paid": BilingualText("payout booked by the bank", "পরিশোধ ব্যাংকে লেখা হলো"),
    "settlement_reinstated": BilingualText(
        "payout executed after its rejection", "প্রত্যাখ্যানের পর পরিশোধ কার্যকর"
    ),
    "settlement_rejected": BilingualText("payout rejected by the bank", "ব্যাংক পরিশোধ প্রত্যাখ্যান করেছে"),
    "settlement_returned": BilingualText("payout returned by the bank", "ব্যাংক পরিশোধ ফেরত দিয়েছে"),
    "settlement_tax_restored": BilingualText(
        "withheld tax restored, the payout did not arrive", "পরিশোধ না পৌঁছানোয় কর্তিত কর ফেরত"
    ),
    "settlement_tax_withheld": BilingualText("tax withheld at source", "উৎসে কর কর্তন"),
    "taken_from_suspense": BilingualText("taken from suspense", "অনিষ্পন্ন হিসাব থেকে নেওয়া হলো"),
    "topped_up": BilingualText("top-up", "জমা"),
    "unidentified_booked": BilingualText("unidentified bank line", "অশনাক্ত ব্যাংক লাইন"),
    "unidentified_reopened": BilingualText("unidentified bank line, open again", "অশনাক্ত ব্যাংক লাইন আবার খোলা"),
    "unidentified_settled": BilingualText("unidentified bank line, explained", "অশনাক্ত ব্যাংক লাইনের ব্যাখ্যা হলো"),
    "unidentified_withdrawn": BilingualText("bank line withdrawn by the bank", "ব্যাংক লাইনটি প্রত্যাহার করেছে"),
    "sweep_approved": BilingualText("own income or VAT to be paid out", "নিজস্ব আয় বা ভ্যাট পরিশোধযোগ্য"),
    "sweep_cancelled": BilingualText("payment of own income or VAT cancelled", "নিজস্ব আয় বা ভ্যাট পরিশোধ বাতিল"),
    "deposit_top_up_approved": BilingualText("top-up of a deposit approved", "সেবা সংস্থার জমা বৃদ্ধি অনুমোদিত"),
    "deposit_top_up_cancelled": BilingualText("top-up of a deposit cancelled", "সেবা সংস্থার জমা বৃদ্ধি বাতিল"),
    "demand_written_off": BilingualText("debt written off", "পাওনা অবলোপন"),
    "settlement_deposited": BilingualText("top-up of a deposit booked by the bank", "জমা বৃদ্ধি ব্যাংকে লেখা হলো"),
    "settlement_deposit_returned": BilingualText(
        "top-up of a deposit returned by the bank", "ব্যাংক জমা বৃদ্ধির টাকা ফেরত দিয়েছে"
    ),
    "withdrawal_cancelled": BilingualText("withdrawal cancelled", "উত্তোলন বাতিল"),
}


def moment_words(moment: str) -> BilingualText:
    """An entry's moment in words; one that has none, as it is named."""
    words = MOMENT_WORDS.get(moment)
    if words is not None:
        return words
    base = moment.removesuffix(_REVERSED)
    if base != moment:
        words = moment_words(base)
        return BilingualText(f"reversal: {words.en}", f"বাতিল: {words.bn}")
    plain = moment.replace("_", " ")
    return BilingualText(plain, plain)
