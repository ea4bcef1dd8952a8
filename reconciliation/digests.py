"""SHA-256 digests: proof that two runs had the same inputs and gave the same results.

The proof is always SHA-256, over the bytes of a file or over rows in a canonical order, never over a sum of
short hashes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl


def sha256_of(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_lines(lines: Iterable[str]) -> str:
    """SHA-256 of lines of text in the order given, each ended by a line feed."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def sha256_of_frame(frame: pl.DataFrame, columns: Sequence[str]) -> str:
    """SHA-256 of the rows of a frame whatever their order: the columns named, sorted by all of them."""
    ordered = frame.select(columns).sort(columns)
    return sha256_of(ordered.write_csv(include_header=True, null_value="\\N").encode())
