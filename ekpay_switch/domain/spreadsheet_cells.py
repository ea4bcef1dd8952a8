"""Texts of others in the cells of CSV files and workbooks, which a spreadsheet must not take for formulas."""

# What begins a formula, or is skipped before one; the last four are the wide forms that some programs fold.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def without_formula(text: str) -> str:
    """The text, after an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
