"""Why a refused sample is refused, where its own words do not say enough; looked up by file name."""

_FRAGMENT = "a field or two out of a statement, made to try one tag"
_ALTERED = "amounts were altered when the sample was made anonymous; the entries are understood"
_MADE = "made by hand, its balances were never meant"

WHY = {
    **{
        f"betterplace/{name}.sta": _FRAGMENT
        for name in (
            "amount_formats",
            "currency_in_25",
            "empty_86",
            "empty_entry_date",
            "missing_crlf_at_end",
        )
    },
    **{
        f"cmxl/{name}.sta": _FRAGMENT
        for name in (
            "account_balance_credit",
            "account_balance_debit",
            "account_identification_iban",
            "account_identification_legacy",
            "available_balance",
            "closing_balance",
            "statement_details",
            "statement_line",
            "statement_number",
        )
    },
    "self-provided/sparkassen.sta": _FRAGMENT,
    **{
        f"jejik/{name}.sta": _ALTERED
        for name in ("abnamro", "ing", "knab", "postfinance", "rabobank", "triodos")
    },
    "betterplace/sepa_snippet.sta": _ALTERED,
    "mBank/with_newline_in_tnr.sta": _ALTERED,
    "self-provided/raiffeisen-cmi.sta": _ALTERED,
    "betterplace/sepa_snippet_broken.sta": "broken on purpose: entries are missing",
    "self-provided/details_60-63.sta": _MADE,
    "self-provided/malformed_details.sta": _MADE,
    "self-provided/overly_long_details.sta": _MADE,
    "self-provided/whitespace.sta": _MADE,
    "self-provided/mt942.sta": _MADE,
    "self-provided/raphaelm.sta": "a balance without its currency, which the standard does not allow",
    "self-provided/empty_non_swift.sta": _FRAGMENT,
    "self-provided/invalid_statement.sta": "no statement at all, on purpose",
    "samples/test-camt053": _MADE,
}
