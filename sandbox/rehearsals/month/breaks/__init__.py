"""The breaks of a generated month: their kinds and times, and ordinary noise, which is no break."""
