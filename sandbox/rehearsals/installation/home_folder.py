"""The home folder of the installation, determined as the switch does."""

import os
from pathlib import Path


def home_folder() -> Path:
    """EKPAY_HOME, or `.ekpay` in the current folder."""
    return Path(os.environ.get("EKPAY_HOME") or ".ekpay").resolve()
