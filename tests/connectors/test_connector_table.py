"""The documentation's table of connectors says what the manifests say, and how each protocol is known."""

from pathlib import Path

from connectors.manifest import Manifest, read_manifest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "operations" / "connectors.md"
KNOWN = {
    "public": "published",
    "borrowed": "borrowed from another acquirer of the same gateway",
    "generic": "our generic dialect",
}


def row(manifest: Manifest) -> str:
    refunds = manifest.refunds
    back = f"{refunds.parts_max} within {refunds.days_max} days" if refunds else "by hand"
    cells = (
        f"`{manifest.id}`", f"{manifest.name_en}, {manifest.name_bn}", manifest.instrument,
        f"`{manifest.family}`", KNOWN[manifest.protocol], back,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_table_of_connectors_is_up_to_date() -> None:
    manifests = [read_manifest(path) for path in sorted((ROOT / "config" / "connectors").glob("*.toml"))]
    written = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert written == [row(manifest) for manifest in manifests]
