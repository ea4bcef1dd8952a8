"""Starts a connector: `make new-connector ID=… FAMILY=…` writes its manifest after one of the same family.

What is written can be read at once, and its recorded replies are understood. Nobody can pay by it: it is
suspended, its four safety facts have the cautious answers, and what the pattern says and this provider has
not said yet bears the mark `confirm`.
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
    UnwritableError,
    Wish,
    keep_if_understood,
    pattern_for,
    plan_for,
    write_draft,
)
from ekpay_switch.wing_kit.manifest_file import ManifestError

# The one that is copied unless another is named: the plainest of its family. Others take the first by id.
_PLAINEST: Mapping[str, str] = MappingProxyType(
    {"bank_redirect": "rocket", "iso8583": "janata", "mpgs": "ebl", "sslcommerz": "sslcommerz",
     "token_init_status": "tap"}
)  # fmt: skip
# What a family reads off the wire, and so takes no other answer about than that it is there.
_KNOWN_FACTS: Mapping[str, Sequence[str]] = MappingProxyType({"token_init_status": ("echoes_amount",)})
_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "refunds": f"{MARK}: without refunds, take this section out, its operations and their examples.",
        "operations": f"{MARK}: every path.",
        "replies": f"{MARK}: every code. One that does not stand here is in doubt.",
    }
)


def write(config_dir: Path, wish: Wish) -> Path:
    """Write `config_dir`/connectors/<id>.toml and return its path; a manifest that is there stays as it is.

    Raises:
        UnwritableError: the wish cannot be met, and nothing was written.
        ManifestError: a manifest that is there already cannot be read.
        OSError: the folder cannot be read or written.
    """
    folder = config_dir / "connectors"
    there = {path.stem: read_manifest(path) for path in folder.glob("*.toml")}
    known = {connector_id: manifest.family for connector_id, manifest in there.items()}
    like = pattern_for(wish, FAMILIES, known, _PLAINEST.get(wish.family, ""))
    protocol = "generic" if there[like].protocol == "generic" else "borrowed"
    own, known_facts = {"protocol": f'"{protocol}" {MARK}'}, _KNOWN_FACTS.get(wish.family, ())
    plan = plan_for(wish, f"make new-connector after {like}", own, _NOTES, known_facts)
    return write_draft(folder / f"{like}.toml", wish, plan)


async def misunderstood(path: Path) -> str:
    """The title of the first recorded reply that is understood otherwise than it says, or nothing.

    Raises:
        ManifestError: the manifest cannot be read, or the family misses something in it.
    """
    manifest = read_manifest(path)
    for example in manifest.examples:
        understood = await rehearse(manifest, example)
        amount = None if example.amount is None else parse_taka(example.amount)
        is_right = understood.verdict == example.expect and understood.lines == example.lines
        if not is_right or amount not in {None, understood.amount}:
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
        path = write(config, Wish(connector_id, family, like, name_en, name_bn))
        keep_if_understood(path, misunderstood)
    except (UnwritableError, ManifestError, OSError) as error:
        typer.echo(f"nothing was written: {error}", err=True)
        raise typer.Exit(1) from error
    marks, replies = path.read_text(encoding="utf-8").count(MARK), len(read_manifest(path).examples)
    typer.echo(f"{path} can be read, and its {replies} recorded replies are understood.")
    typer.echo(f"It is suspended. {marks} places say `confirm`: see docs/how-to/add-a-connector.md.")


if __name__ == "__main__":
    typer.run(main)
