"""One night over any folder or database: open items, rows and files in; findings and proofs out."""
