"""Starts a biller: `make new-biller ID=… FAMILY=…` writes its manifest after one of the same family.

The new manifest is valid and its recorded replies pass. The biller cannot be paid: it is suspended, its four
safety facts have the cautious values, and whatever was copied and has to be confirmed bears the mark
`confirm`. Its ekPay id is the next free one of ours.
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
    DraftRequest,
    UnwritableError,
    choose_pattern,
    keep_if_readable,
    plan_draft,
    toml_text,
    write_draft,
)
from ekpay_switch.wing_kit.manifest_file import ManifestError

# The manifest that is copied unless another is named, by family; other families take the first by id.
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
# Safety facts that follow from the settings of a family, and are copied from the pattern.
_KNOWN_FACTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {"aggregator": ("echoes_amount",), "direct_rest": ("can_be_asked", "echoes_amount")}
)
_OURS = re.compile(r"b9[0-9]{3}")
_FIRST_OF_OURS = 9_001


def write_manifest_draft(config_dir: Path, draft: DraftRequest) -> Path:
    """Write `config_dir`/billers/<id>.toml and return its path; an existing manifest stays unchanged.

    Raises:
        UnwritableError: the draft cannot be made, and nothing was written.
        ManifestError: an existing manifest cannot be read.
        OSError: the folder cannot be read or written.
    """
    folder = config_dir / "billers"
    manifests = {path.stem: read_manifest(path) for path in folder.glob("*.toml")}
    # A second route is no biller of its own.
    families = {name: manifest.family for name, manifest in manifests.items() if manifest.route_of is None}
    pattern_id = choose_pattern(draft, FAMILIES, families, _PLAINEST.get(draft.family, ""))
    ekpay_id = _free_id(manifests.values())
    known_facts = _KNOWN_FACTS.get(draft.family, ())
    own_values = {"ekpay_id": f"{toml_text(ekpay_id)} {MARK}: ours"}
    plan = plan_draft(draft, f"make new-biller after {pattern_id}", own_values, _NOTES, known_facts)
    path = write_draft(folder / f"{pattern_id}.toml", draft, plan)
    # The recorded replies contain the ekPay id where the far side uses it too.
    manifest_text = re.sub(
        rf"\b{manifests[pattern_id].ekpay_id}\b", ekpay_id, path.read_text(encoding="utf-8")
    )
    path.write_text(manifest_text, encoding="utf-8")
    return path


async def first_misunderstood_example(path: Path) -> str:
    """The title of the first recorded reply that gives another result than expected, or empty.

    Raises:
        ManifestError: the manifest cannot be read, or its family refuses it.
    """
    manifest = read_manifest(path)
    for example in manifest.examples:
        result = await rehearse(manifest, example)
        amount = None if example.amount is None else parse_taka(example.amount)
        if result.verdict != example.expect or amount not in {None, result.amount}:
            return example.title
    return ""


def _free_id(manifests: Iterable[Manifest]) -> str:
    """The first unused ekPay id of ours."""
    used_numbers = {
        int(manifest.ekpay_id[1:]) for manifest in manifests if _OURS.fullmatch(manifest.ekpay_id)
    }
    return f"b{next(number for number in count(_FIRST_OF_OURS) if number not in used_numbers)}"


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
        path = write_manifest_draft(config, DraftRequest(biller_id, family, like, name_en, name_bn))
        keep_if_readable(path, first_misunderstood_example)
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
