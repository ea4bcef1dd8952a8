"""The parts of a ZIP archive, unpacked piece by piece and never beyond the limits of a file.

The directory is checked before anything is unpacked; while unpacking it is counted again, since a directory
may lie.
"""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.file_limits import FileLimits

_CHUNK: Final = 1 << 18
# Parts that are as small as this may be packed as tightly as they like.
_SMALL_BYTES: Final = 1 << 20
_PARTS_MAX: Final = 10_000
_IS_ENCRYPTED: Final = 1
_DAMAGES: Final = (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class PackedParts:
    """The parts of an archive by their names."""

    def __init__(self, content: bytes, limits: FileLimits) -> None:
        """Check the directory of an archive.

        Raises:
            UnreadableFileError: it is no archive, or one that the limits do not allow.
        """
        try:
            self._archive = ZipFile(BytesIO(content))
            parts = self._archive.infolist()
        except _DAMAGES as problem:
            raise _unreadable(problem) from problem
        self._limits = limits
        self._left_bytes = limits.unpacked_bytes
        self._check(parts, len(content))

    def __contains__(self, name: str) -> bool:
        return name in self._archive.NameToInfo

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, piece by piece.

        Raises:
            UnreadableFileError: there is no such part, it is damaged, or it unpacks to too much.
        """
        if name not in self:
            raise UnreadableFileError(f"no workbook that can be read: no part {name[:100]!r}")
        try:
            with self._archive.open(name) as stream:
                while chunk := stream.read(_CHUNK):
                    self._left_bytes -= len(chunk)
                    if self._left_bytes < 0:
                        raise self._too_large(name)
                    yield chunk
        except _DAMAGES as problem:
            raise _unreadable(problem) from problem

    def _check(self, parts: list[ZipInfo], packed_bytes: int) -> None:
        if len(parts) > _PARTS_MAX:
            raise UnreadableFileError(f"{len(parts)} parts, more than {_PARTS_MAX}")
        if sum(part.compress_size for part in parts) > packed_bytes:
            raise UnreadableFileError("its parts lie over one another")
        whole_bytes = 0
        for part in parts:
            whole_bytes += part.file_size
            if part.flag_bits & _IS_ENCRYPTED or part.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
                raise UnreadableFileError(f"part {part.filename[:100]!r} is encrypted, or packed unusually")
            if whole_bytes > self._limits.unpacked_bytes:
                raise self._too_large(part.filename)
            is_large = part.file_size > _SMALL_BYTES
            if is_large and part.file_size > part.compress_size * self._limits.unpacked_ratio:
                raise UnreadableFileError(
                    f"part {part.filename[:100]!r} unpacks to more than {self._limits.unpacked_ratio} times"
                    " its size"
                )

    def _too_large(self, name: str) -> UnreadableFileError:
        return UnreadableFileError(
            f"with part {name[:100]!r} it unpacks to more than {self._limits.unpacked_megabytes} MB"
        )


def _unreadable(problem: BaseException) -> UnreadableFileError:
    return UnreadableFileError(f"no workbook that can be read: {str(problem)[:200]}")
