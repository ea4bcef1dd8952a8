"""Amounts and dates of statement files, from text to paisa and to instants in UTC."""
