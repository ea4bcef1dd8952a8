"""Drafts of manifests: a new one written after one that is there, the same for every wing.

A draft keeps the values of its pattern and marks them as not confirmed. It drops the pattern's comments: they
name sources that are not the new institution's.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ekpay_switch.wing_kit.manifest_file import ManifestError

MARK = "# confirm"
"""Marks what must still be confirmed: after a value, or above a section."""

CAUTIOUS: Mapping[str, str] = MappingProxyType(
    {
        "deduplicates": "false",
        "deduplicates_for": '"never"',
        "can_be_asked": "false",
        "not_found_settle_seconds": '"never"',
        "can_be_undone": "false",
        "echoes_amount": "false",
    }
)
"""The safety facts of an institution that has promised nothing."""

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "safety": "# The cautious answers. State a fact where the document does; `certify` tries it.",
        "timing": f"{MARK}: how long an answer may take, and when to ask again.",
        "endpoint": "# The pattern's sandbox: no real institution is asked by default.",
        "secrets": f"{MARK}: which secrets there are.",
        "family_settings": f"{MARK}: every setting of the family.",
        "examples": f"{MARK}: every reply, as it will come. All names and numbers are invented.",
    }
)
"""The comment above each section that manifests of every wing have."""

_ID = re.compile(r"[a-z][a-z0-9_]{1,40}")
_CONTENT = re.compile(r"""((?:[^#"']|"(?:[^"\\]|\\.)*"|'[^']*')*)(?:#.*)?""")
_KEY = re.compile(r"([A-Za-z_]+) += ")
_HEADER = re.compile(r"\[+([A-Za-z_]+)")
_LONG_TEXT = "'''"
# The pattern's own look: another institution's is derived from its id until it is stated.
_NOT_COPIED = "brand"


class UnwritableError(Exception):
    """A draft cannot be written; the text says why."""


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """The id and the names of the new institution, its family, and the id of its pattern."""

    id: str
    family: str
    pattern_id: str = ""
    name_en: str = ""
    name_bn: str = ""


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """What differs between a draft and its pattern.

    In order: comments at the top, values of keys before the first section, a comment above the first section
    of a name, values of the section `safety`. A key of these two places that has no value here keeps the
    pattern's and is marked.
    """

    comments: Sequence[str]
    values: Mapping[str, str]
    notes: Mapping[str, str]
    safety_facts: Mapping[str, str]


def choose_pattern(
    request: DraftRequest, families: Iterable[str], known: Mapping[str, str], default_pattern: str
) -> str:
    """The id of the manifest to copy: the one named, the `default_pattern`, or the first of the family.

    `known` is the family of every existing manifest, by id.

    Raises:
        UnwritableError: the id is malformed, the family is unknown or empty, or the named manifest is of
        another.
    """
    if not _ID.fullmatch(request.id):
        raise UnwritableError(f"{request.id} is no id: small letters, digits and _, 2 to 41 of them")
    if request.family not in families:
        raise UnwritableError(f"there is no family {request.family}; there are {', '.join(sorted(families))}")
    same = sorted(manifest_id for manifest_id, family in known.items() if family == request.family)
    if not same:
        raise UnwritableError(f"no manifest of the family {request.family} to write it after")
    like = request.pattern_id or (default_pattern if default_pattern in same else same[0])
    if like not in same:
        raise UnwritableError(f"{like} is not of the family {request.family}: {', '.join(same)}")
    return like


def plan_draft(
    request: DraftRequest,
    command: str,
    own: Mapping[str, str],
    notes: Mapping[str, str],
    known_facts: Iterable[str] = (),
) -> DraftPlan:
    """The plan of a suspended draft; `own` and `notes` are added to what every draft has.

    The safety facts get the cautious values, except `known_facts`, which the family reads off the wire.
    """
    name = request.name_en or request.id.replace("_", " ").title()
    head = (
        f"# {name}, over the family {request.family}; begun by {command}.",
        "#",
        f"# `{MARK.removeprefix('# ')}` marks what is the pattern's and nobody's word yet. Go through every",
        "# mark with the institution's document, say where each fact is from, and take the mark away.",
        "# Nothing is paid here as long as it is suspended; `certify` comes first.",
    )
    facts = {fact: answer for fact, answer in CAUTIOUS.items() if fact not in set(known_facts)}
    in_bangla = toml_text(request.name_bn) if request.name_bn else f"{toml_text(name)} {MARK}: in Bangla"
    identity = {
        "id": toml_text(request.id),
        "family": toml_text(request.family),
        "name_en": toml_text(name) + ("" if request.name_en else f" {MARK}"),
        "name_bn": in_bangla,
        "status": toml_text("suspended"),
    }
    return DraftPlan(head, {**identity, **own}, {**NOTES, **notes}, facts)


def write_draft(pattern: Path, request: DraftRequest, plan: DraftPlan) -> Path:
    """Write the draft beside its pattern, whose settings become its own, and return its path.

    Raises:
        UnwritableError: there is one already, which is not changed.
        OSError: the folder cannot be read or written.
    """
    pattern_prefix, draft_prefix = (f"EKPAY_{name.upper()}_" for name in (pattern.stem, request.id))
    text = render_draft(pattern.read_text(encoding="utf-8").replace(pattern_prefix, draft_prefix), plan)
    path = pattern.with_name(f"{request.id}.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UnwritableError(f"{path.name} is there already") from None
    return path


def render_draft(text: str, plan: DraftPlan) -> str:
    """The draft after the manifest `text`."""
    return "".join(f"{line}\n" for line in (*plan.comments, "", *_lines(text, plan)))


def toml_text(text: str) -> str:
    """A text as a TOML string: a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)


def _lines(text: str, plan: DraftPlan) -> Iterator[str]:
    own = {"": plan.values, "safety": plan.safety_facts}
    section, noted_sections = "", set[str]()
    for line, is_in_text in _without_comments(text.splitlines()):
        header = None if is_in_text else _HEADER.match(line)
        if header:
            section = header[1]
        if section == _NOT_COPIED:
            continue
        if header:
            if section in plan.notes.keys() - noted_sections:
                yield plan.notes[section]
            noted_sections.add(section)
        key = None if header or is_in_text else _KEY.match(line)
        if key and section in own:
            yield f"{key[1]} = {own[section][key[1]]}" if key[1] in own[section] else f"{line} {MARK}"
        else:
            yield line


def _without_comments(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The lines without comments, each with whether it continues a text; empty lines in a row become one."""
    is_in_text, was_empty = False, True
    for line in lines:
        if is_in_text or line.count(_LONG_TEXT) == 1:
            yield line, is_in_text
            is_in_text ^= line.count(_LONG_TEXT) == 1
            was_empty = False
            continue
        match = _CONTENT.fullmatch(line)
        content = (line if match is None else match[1]).rstrip()
        if content or not (was_empty or line.startswith("#")):
            yield content, False
            was_empty = not content


def keep_if_readable(path: Path, misunderstood: Callable[[Path], Coroutine[object, object, str]]) -> None:
    """Delete a draft unless its wing can read it and all its example replies.

    `misunderstood` returns the title of the first reply that is not understood, or an empty text.

    Raises:
        UnwritableError: a reply is not understood; the file is deleted.
        ManifestError: the wing cannot read the file; it is deleted.
    """
    try:
        wrong = asyncio.run(misunderstood(path))
    except ManifestError:
        path.unlink()
        raise
    if wrong:
        path.unlink()
        raise UnwritableError(f"{wrong!r} is not understood")
