"""Builds the wheel: it brings one name, `ekpay_switch`, and all other folders inside `ekpay_switch/bundle`.

Whole folders are taken, so a new page, font or manifest needs no line here (docs/adr/0113). An editable
install takes the folders where they are.
"""

import shutil
from pathlib import Path

from setuptools import setup  # type: ignore[import-untyped]
from setuptools.command.build_py import build_py  # type: ignore[import-untyped]

CORE = "ekpay_switch"
BUNDLED = ("biller_adapters", "config", "connectors", "migrations", "reconciliation", "sandbox")
IGNORED = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*")


class BuildWithBundle(build_py):  # type: ignore[misc]
    """Copies the core, and beside its modules the bundle."""

    def run(self) -> None:
        """Fill the build folder anew: a file that has left the tree must not stay in the wheel."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        core = Path(self.build_lib) / CORE
        shutil.copytree(CORE, core, ignore=IGNORED)
        for name in BUNDLED:
            shutil.copytree(name, core / "bundle" / name, ignore=IGNORED)


setup(cmdclass={"build_py": BuildWithBundle})
