"""Starts a connector: `make new-connector ID=… FAMILY=…` writes its manifest after one of the same family.

The new manifest is valid and its recorded replies pass. Nobody can pay by it: it is suspended, its four
safety facts have the cautious values, and whatever was copied and has to be confirmed bears the mark
`confirm`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from connectors.manifest import read_manifest
from connectors.registry import FAMILIES
from connectors.rehearsal import rehearse
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.wing_kit.manifest_draft import (
    MARK,
    DraftRequest,
    UnwritableError,
    choose_pattern,
    keep_if_readable,
    plan_draft,
    write_draft,
)
from ekpay_switch.wing_kit.manifest_file import ManifestError

# The manifest that is copied unless another is named, by family; other families take the first by id.
_PLAINEST: Mapping[str, str] = MappingProxyType(
    {"bank_redirect": "rocket", "iso8583": "janata", "mpgs": "ebl", "sslcommerz": "sslcommerz",
     "token_init_status": "tap"}
)  # fmt: skip
# Safety facts that are fixed by a family, and are copied from the pattern.
_KNOWN_FACTS: Mapping[str, Sequence[str]] = MappingProxyType({"token_init_status": ("echoes_amount",)})
_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "refunds": f"{MARK}: without refunds, take this section out, its operations and their examples.",
        "operations": f"{MARK}: every path.",
        "replies": f"{MARK}: every code. One that does not stand here is in doubt.",
    }
)


def write_manifest_draft(config_dir: Path, draft: DraftRequest) -> Path:
    """Write `config_dir`/connectors/<id>.toml and return its path; an existing manifest stays unchanged.

    Raises:
        UnwritableError: the draft cannot be made, and nothing was written.
        ManifestError: an existing manifest cannot be read.
        OSError: the folder cannot be read or written.
    """
    folder = config_dir / "connectors"
    manifests = {path.stem: read_manifest(path) for path in folder.glob("*.toml")}
    families = {connector_id: manifest.family for connector_id, manifest in manifests.items()}
    pattern_id = choose_pattern(draft, FAMILIES, families, _PLAINEST.get(draft.family, ""))
    protocol = "generic" if manifests[pattern_id].protocol == "generic" else "borrowed"
    own_values, known_facts = {"protocol": f'"{protocol}" {MARK}'}, _KNOWN_FACTS.get(draft.family, ())
    plan = plan_draft(draft, f"make new-connector after {pattern_id}", own_values, _NOTES, known_facts)
    return write_draft(folder / f"{pattern_id}.toml", draft, plan)


async def first_misunderstood_example(path: Path) -> str:
    """The title of the first recorded reply that gives another result than expected, or empty.

    Raises:
        ManifestError: the manifest cannot be read, or its family refuses it.
    """
    manifest = read_manifest(path)
    for example in manifest.examples:
        result = await rehearse(manifest, example)
        amount = None if example.amount is None else parse_taka(example.amount)
        is_right = result.verdict == example.expect and result.lines == example.lines
        if not is_right or amount not in {None, result.amount}:
            return example.title
    return ""


def main(
    connector_id: Annotated[str, typer.Argument(metavar="ID", help="The new connector's id.")],
    family: Annotated[str, typer.Argument(help="The family that speaks its protocol.")],
    *,
    like: Annotated[str, typer.Option(help="Whose manifest it is written after, by id.")] = "",
    name_en: Annotated[str, typer.Option(help="Its name in English.")] = "",
    name_bn: Annotated[str, typer.Option(help="Its name in Bangla.")] = "",
    config: Annotated[Path, typer.Option(help="The folder of this installation's manifests.")] = Path(
        "config"
    ),
) -> None:
    """Write the manifest of a new connector, suspended, after one of the same family."""
    try:
        path = write_manifest_draft(config, DraftRequest(connector_id, family, like, name_en, name_bn))
        keep_if_readable(path, first_misunderstood_example)
    except (UnwritableError, ManifestError, OSError) as error:
        typer.echo(f"nothing was written: {error}", err=True)
        raise typer.Exit(1) from error
    marks, replies = path.read_text(encoding="utf-8").count(MARK), len(read_manifest(path).examples)
    typer.echo(f"{path} can be read, and its {replies} recorded replies are understood.")
    typer.echo(f"It is suspended. {marks} places say `confirm`: see docs/how-to/add-a-connector.md.")


if __name__ == "__main__":
    typer.run(main)
