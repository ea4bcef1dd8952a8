"""Memory settings of a process that reads many files one after the other."""

import ctypes
from typing import Final

# Numbers and units (bytes) of mallopt(3).
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
# The largest buffer that is kept, and how much may lie free before the system gets it back.
_BUFFER_BYTES: Final = 32 << 20
_FREE_BYTES: Final = 256 << 20


def keep_buffers() -> bool:
    """Let the allocator reuse the buffers of a file for the next one; whether the C library can do that.

    Else each comes new from the system, page by page, which takes a twentieth of the time of a file. What is
    at most in use at a time is not changed by it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _BUFFER_BYTES) and mallopt(_TRIM_THRESHOLD, _FREE_BYTES))
