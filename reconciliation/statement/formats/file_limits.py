"""How much a file may take to be read: config/reconciliation.toml, section `reading`."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

_MEGABYTE: Final = 1 << 20


class FileLimits(BaseModel):
    """The limits of one file; a file that exceeds one is refused, whatever is in it.

    `memory_megabytes` is what its reading may take beyond an idle reader. `unpacked_ratio` is how many times
    larger than packed a part of a workbook may be. Rules from before there were limits have these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    memory_megabytes: int = Field(default=1_500, ge=64)
    processor_seconds: int = Field(default=240, ge=1)
    clock_seconds: int = Field(default=1_200, ge=1)
    cells: int = Field(default=20_000_000, ge=1)
    unpacked_megabytes: int = Field(default=2_000, ge=1)
    unpacked_ratio: int = Field(default=200, ge=2)

    @property
    def memory_bytes(self) -> int:
        """The limit of memory in bytes."""
        return self.memory_megabytes * _MEGABYTE

    @property
    def unpacked_bytes(self) -> int:
        """The limit of what a packed file unpacks to, in bytes."""
        return self.unpacked_megabytes * _MEGABYTE


USUAL_LIMITS: Final = FileLimits()
