"""Starts a biller: `make new-biller ID=… FAMILY=…` writes its manifest after one of the same family.

What is written can be read at once, and its recorded replies are understood. Nobody can pay it: it is
suspended, its four safety facts have the cautious answers, and what the pattern says and this biller has not
said yet bears the mark `confirm`. Its ekPay id is the next free one of ours.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from biller_adapters.manifest import Manifest, read_manifest
from biller_adapters.registry import FAMILIES
from biller_adapters.rehearsal import rehearse
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.wing_kit.manifest_draft import (
    MARK,
    UnwritableError,
    Wish,
    keep_if_understood,
    pattern_for,
    plan_for,
    quoted,
    write_draft,
)
from ekpay_switch.wing_kit.manifest_file import ManifestError

# The one that is copied unless another is named: the plainest of its family. Others take the first by id.
_PLAINEST: Mapping[str, str] = MappingProxyType({
    "a_challan": "epassport_fee", "aggregator": "dhaka_wasa", "application_fee": "ldtax",
    "batch_file": "school_fee", "direct_rest": "dpdc_postpaid", "syndicate_client": "jalalabad_gas",
    "prepaid_vend": "nesco_prepaid", "treasury_echallan": "income_tax",
})  # fmt: skip
_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "parameters": f"{MARK}: what a payer tells, and how it is written.",
        "amount": f"{MARK}: which amounts a payer may choose.",
        "late_fee": f"{MARK}: what being late costs.",
        "deposit": f"{MARK}: the deposit that we keep there.",
        "scroll": f"{MARK}: what it wants to be told at the end of a day.",
        "operations": f"{MARK}: every path and every code. A code that does not stand here is in doubt.",
    }
)
# What a family reads off the wire by its settings, and so must be told as the pattern tells it.
_KNOWN_FACTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {"aggregator": ("echoes_amount",), "direct_rest": ("can_be_asked", "echoes_amount")}
)
_OURS = re.compile(r"b9[0-9]{3}")
_FIRST_OF_OURS = 9_001


def write(config_dir: Path, wish: Wish) -> Path:
    """Write `config_dir`/billers/<id>.toml and return its path; a manifest that is there stays as it is.

    Raises:
        UnwritableError: the wish cannot be met, and nothing was written.
        ManifestError: a manifest that is there already cannot be read.
        OSError: the folder cannot be read or written.
    """
    folder = config_dir / "billers"
    there = {path.stem: read_manifest(path) for path in folder.glob("*.toml")}
    # A second route to a biller is none of its own.
    known = {name: manifest.family for name, manifest in there.items() if manifest.route_of is None}
    like = pattern_for(wish, FAMILIES, known, _PLAINEST.get(wish.family, ""))
    ekpay_id = _free_id(there.values())
    known_facts = _KNOWN_FACTS.get(wish.family, ())
    own = {"ekpay_id": f"{quoted(ekpay_id)} {MARK}: ours"}
    plan = plan_for(wish, f"make new-biller after {like}", own, _NOTES, known_facts)
    path = write_draft(folder / f"{like}.toml", wish, plan)
    # Where the far side calls the biller by this id as well, it stands in the recorded replies.
    told = re.sub(rf"\b{there[like].ekpay_id}\b", ekpay_id, path.read_text(encoding="utf-8"))
    path.write_text(told, encoding="utf-8")
    return path


async def misunderstood(path: Path) -> str:
    """The title of the first recorded reply that is understood otherwise than it says, or nothing.

    Raises:
        ManifestError: the manifest cannot be read, or the family misses something in it.
    """
    manifest = read_manifest(path)
    for example in manifest.examples:
        understood = await rehearse(manifest, example)
        amount = None if example.amount is None else parse_taka(example.amount)
        if understood.verdict != example.expect or amount not in {None, understood.amount}:
            return example.title
    return ""


def _free_id(manifests: Iterable[Manifest]) -> str:
    """The first ekPay id of ours that no manifest has."""
    taken = {int(one.ekpay_id[1:]) for one in manifests if _OURS.fullmatch(one.ekpay_id)}
    return f"b{next(number for number in count(_FIRST_OF_OURS) if number not in taken)}"


def main(
    biller_id: Annotated[str, typer.Argument(metavar="ID", help="The new biller's id.")],
    family: Annotated[str, typer.Argument(help="The family that speaks its protocol.")],
    *,
    like: Annotated[str, typer.Option(help="Whose manifest it is written after, by id.")] = "",
    name_en: Annotated[str, typer.Option(help="Its name in English.")] = "",
    name_bn: Annotated[str, typer.Option(help="Its name in Bangla.")] = "",
    config: Annotated[Path, typer.Option(help="The folder of this installation's manifests.")] = Path(
        "config"
    ),
) -> None:
    """Write the manifest of a new biller, suspended, after one of the same family."""
    try:
        path = write(config, Wish(biller_id, family, like, name_en, name_bn))
        keep_if_understood(path, misunderstood)
    except (UnwritableError, ManifestError, OSError) as error:
        typer.echo(f"nothing was written: {error}", err=True)
        raise typer.Exit(1) from error
    marks, manifest = path.read_text(encoding="utf-8").count(MARK), read_manifest(path)
    typer.echo(f"{path} can be read, and its {len(manifest.examples)} recorded replies are understood.")
    typer.echo(
        f"{manifest.ekpay_id} is suspended. {marks} places say `confirm`: see docs/how-to/add-a-biller.md."
    )


if __name__ == "__main__":
    typer.run(main)
