"""What a generated month is made of: days, institutions, references, rows, and the answer key."""
