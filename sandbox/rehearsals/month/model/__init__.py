"""The model of a generated month: days, institutions, references, rows, and the answer key."""
