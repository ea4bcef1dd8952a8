"""Our pacs.009 against the published schema, as a package's classes carry it: every rule that is in them.

The classes were generated from the schema of pacs.009.001.08 and keep its order, occurrences, lengths,
patterns, digits and code lists. The schema itself is its owner's and not in the repository (docs/adr/0060).
"""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reconciliation.settlement.instructions import pacs009
from tests.reconciliation.settlement.instructions.test_messages import CREATED, DEBTOR, PACS
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, EKSHOP, instruction

pytest.importorskip("xsdata", reason="the classes of the schema stand on it")
schema: Any = pytest.importorskip("pyiso20022.pacs.pacs_009_001_08.pacs_009_001_08")

MANY = 10**9


def problems(element: Any, model: Any, place: str = "") -> Iterator[str]:  # noqa: ANN401 - foreign classes
    """What an element has that the class does not allow, or lacks that it demands."""
    place = f"{place}/{etree.QName(element).localname}"
    if not dataclasses.is_dataclass(model):
        return
    hints = typing.get_type_hints(model)
    parts = [part for part in dataclasses.fields(model) if part.metadata.get("type") == "Element"]
    yield from _attributes(element, model, hints, place)
    if not parts:
        (value,) = [part for part in dataclasses.fields(model) if part.name == "value"]
        yield from _text(element.text or "", _kind(hints["value"]), value.metadata, place)
        return
    names = [part.metadata["name"] for part in parts]
    found = [etree.QName(child).localname for child in element]
    yield from (f"{place} has {name}" for name in found if name not in names)
    if found != sorted(found, key=lambda name: names.index(name) if name in names else MANY):
        yield f"{place} is out of order"
    if getattr(model, "__name__", "").endswith("Choice") and len(found) != 1:
        yield f"{place} chooses {found}"
    for part in parts:
        yield from _occurrences(part, found, place)
        for child in element.findall(f"{{{pacs009.NAMESPACE}}}{part.metadata['name']}"):
            kind = _kind(hints[part.name])
            if dataclasses.is_dataclass(kind):
                yield from problems(child, kind, place)
            else:
                yield from _text(child.text or "", kind, part.metadata, f"{place}/{part.metadata['name']}")


def _occurrences(part: Any, found: list[str], place: str) -> Iterator[str]:  # noqa: ANN401
    facts, is_list = part.metadata, part.default_factory is list
    least = facts.get("min_occurs", 1 if facts.get("required") else 0)
    most = facts.get("max_occurs", MANY if is_list else 1)
    if not least <= found.count(facts["name"]) <= most:
        yield f"{place} has {found.count(facts['name'])} of {facts['name']}"


def _attributes(element: Any, model: Any, hints: dict[str, Any], place: str) -> Iterator[str]:  # noqa: ANN401
    known = {
        part.metadata["name"]: part
        for part in dataclasses.fields(model)
        if part.metadata.get("type") == "Attribute"
    }
    yield from (f"{place}@{name}" for name in element.attrib if name not in known)
    for name, part in known.items():
        if name in element.attrib:
            yield from _text(element.get(name), _kind(hints[part.name]), part.metadata, f"{place}@{name}")
        elif part.metadata.get("required"):
            yield f"{place} has no {name}"


def _kind(hint: Any) -> Any:  # noqa: ANN401 - whatever the class says
    """The class of a value, whether it may be missing or come several times."""
    if typing.get_origin(hint) in {types.UnionType, typing.Union, list}:
        (only,) = [one for one in typing.get_args(hint) if one is not type(None)]
        return _kind(only)
    return hint


def _text(text: str, kind: Any, facts: Any, place: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(kind, type) and issubclass(kind, Enum):
        if text not in {one.value for one in kind}:
            yield f"{place}: {text!r} is no code"
        return
    if not facts.get("min_length", 0) <= len(text) <= facts.get("max_length", MANY):
        yield f"{place}: {text!r} has another length"
    if "pattern" in facts and not re.fullmatch(facts["pattern"], text):
        yield f"{place}: {text!r} has another form"
    if kind is Decimal:
        yield from _digits(text, facts, place)
    elif hasattr(kind, "from_string"):
        try:
            kind.from_string(text)
        except ValueError:
            yield f"{place}: {text!r} is no {kind.__name__}"


def _digits(text: str, facts: Any, place: str) -> Iterator[str]:  # noqa: ANN401
    whole, _, fraction = text.lstrip("0").partition(".")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        yield f"{place}: {text!r} is no number"
    if len(whole + fraction) > facts.get("total_digits", MANY) or len(fraction) > facts["fraction_digits"]:
        yield f"{place}: {text!r} has too many digits"


def found_in(content: bytes) -> list[str]:
    root = etree.fromstring(content)
    assert root.tag == f"{{{pacs009.NAMESPACE}}}Document"
    return list(problems(root, schema.Document))


def test_our_message_is_what_the_schema_allows() -> None:
    assert found_in(PACS) == []


@given(st.lists(st.integers(1, 10**12 - 1), min_size=3, max_size=3))
def test_so_it_is_with_any_amounts(paisa: list[int]) -> None:
    paid = [instruction(party, each) for party, each in zip((DESCO, BREB, EKSHOP), paisa, strict=True)]
    assert found_in(pacs009.message(paid, DEBTOR, CREATED)) == []


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b"<SttlmMtd>CLRG</SttlmMtd>", b"<SttlmMtd>CASH</SttlmMtd>"),
        (b"<ClrChanl>RTGS</ClrChanl>", b"<ClrChanl>SLOW</ClrChanl>"),
        (b"<NbOfTxs>2</NbOfTxs>", b"<NbOfTxs>two</NbOfTxs>"),
        (b'Ccy="BDT">100000.00', b'Ccy="taka">100000.00'),
        (b'Ccy="BDT">100000.00', b'Ccy="BDT">100000.000001'),
        (b"2026-04-06</IntrBkSttlmDt>", b"2026-04-31</IntrBkSttlmDt>"),
        (b"2026-04-05T19:30:00Z", b"05/04/2026 19:30"),
        (b"AAAABDDHXXX", b"aaaabddhxxx"),
        (b"<MsgId>EKPAY", b"<MsgId>" + b"E" * 36),
        (b"<LclInstrm>", b"<SvcLvl><Cd>SDVA</Cd></SvcLvl><LclInstrm><Cd>A</Cd>"),
        (b"<GrpHdr>", b"<GrpHdr><Unheard/>"),
    ],
)
def test_what_the_schema_does_not_allow_is_found(written: bytes, instead: bytes) -> None:
    assert written in PACS
    assert found_in(PACS.replace(written, instead, 1)) != []


def test_order_and_absence_are_found() -> None:
    turned = etree.fromstring(PACS)
    header = turned.find(".//{*}GrpHdr")
    header.append(header[0])
    assert "/Document/FICdtTrf/GrpHdr is out of order" in found_in(etree.tostring(turned))
    without = PACS.replace(b"<SttlmMtd>CLRG</SttlmMtd>", b"")
    assert "/Document/FICdtTrf/GrpHdr/SttlmInf has 0 of SttlmMtd" in found_in(without)
