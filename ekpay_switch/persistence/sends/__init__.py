"""What was sent, in files outside the database, and what a restored database has lost of it."""
