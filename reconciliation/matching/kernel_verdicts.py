"""The kernel's verdicts on a group, apart from the kernel, which is heavy to import."""

from typing import Final

AGREED: Final = "agreed"
WAITING: Final = "waiting"
SILENT: Final = "silent"
LOOK: Final = "look"
