"""Papers of fees and VAT: invoices, credit notes and the return of a month."""
