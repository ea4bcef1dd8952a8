"""Where the folders are that come with the code: configuration, migrations and the wings.

A checkout has them beside `ekpay_switch`; a wheel has them inside, in `ekpay_switch/bundle`, so that it takes
no name but its own in site-packages (docs/adr/0113).
"""

import os
import sys
from pathlib import Path

_CORE = Path(__file__).resolve().parent
BUNDLE = _CORE / "bundle"
ROOT = BUNDLE if BUNDLE.is_dir() else _CORE.parent
CONFIG = ROOT / "config"
MIGRATIONS = ROOT / "migrations"


def make_wings_importable() -> None:
    """Let this process and those that it starts import `connectors`, `sandbox` and the other bundled wings.

    Does nothing in a checkout, whose editable install knows them. A child that gets an environment of its own
    needs `PYTHONPATH` in it.
    """
    if ROOT != BUNDLE or str(BUNDLE) in sys.path:
        return
    sys.path.insert(0, str(BUNDLE))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(BUNDLE), inherited)))


def find_config_folder() -> Path:
    """The configuration where none is set: `config` in the current folder, else the one that was shipped.

    A link that leads nowhere counts as a folder: a mount that is missing must be seen, and not be replaced by
    the defaults.
    """
    here = Path("config")
    return here.absolute() if here.is_dir() or here.is_symlink() else CONFIG
