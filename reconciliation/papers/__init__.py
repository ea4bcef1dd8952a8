"""Papers for accountants: books, statements and checks of a period, read from the ledger."""
