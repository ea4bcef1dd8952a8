"""Statement layouts and readers: bytes become canonical rows, or are refused with row and column."""
