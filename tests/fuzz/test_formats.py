"""No reader is left out: every container, frame, encoding, layout and parser has a valid file to spoil."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from reconciliation.statement.formats.message_layout import MessageLayout, StatementOptions
from reconciliation.statement.layout import Container, Layout, TextLayout
from reconciliation.statement.piecewise_reader import BYTES_MIN
from tests.fuzz.statement_samples import LAYOUTS, statement_samples
from tests.fuzz.targets import targets

ROOT = Path(__file__).parents[2]
# What takes a file apart, by the last part of its name; whoever calls one of these reads such files.
PARSERS = {
    *("reader", "DictReader", "read_csv", "scan_csv", "read_excel", "fromstring", "iterparse", "XMLParser"),
    *("ParserCreate", "ZipFile", "parse_xml", "tree_of", "parse_statements", "load_workbook"),
}
# Each module that takes files of others apart, with kinds of files that the fuzzer spoils for it.
READERS = {
    "reconciliation/statement/formats/ach.py": ("beftn",),
    "reconciliation/statement/formats/camt.py": ("camt052", "stmt_sonali", "camt054"),
    "reconciliation/statement/formats/delimited.py": ("upay", "sslcommerz"),
    "reconciliation/statement/formats/mt940.py": ("stmt_janata", "mt942"),
    "reconciliation/statement/formats/packed_parts.py": ("nagad",),
    "reconciliation/statement/formats/workbook.py": ("nagad", "nagad of a spreadsheet"),
    "reconciliation/statement/formats/workbook_sheet.py": ("nagad", "nagad of a spreadsheet"),
    "reconciliation/statement/formats/xml_text.py": ("beftn", "nagad"),
    "reconciliation/statement/piecewise_reader.py": ("bkash large", "npsb large", "upay large"),
    "reconciliation/settlement/instructions/xml_trees.py": ("settle answer pain.002", "settle batch"),
    "reconciliation/settlement/instructions/bank_answers.py": ("settle answer pacs.002",),
    "reconciliation/settlement/instructions/beftn.py": ("settle batch",),
    "reconciliation/settlement/instructions/pacs009.py": ("settle message",),
    "ekpay_switch/cli/disputes/notice_file.py": ("disputes read",),
    "ekpay_switch/cli/merchants/import_files.py": ("merchants import", "merchants payees import"),
    "ekpay_switch/cli/payments/bills.py": ("bills fetch",),
    "ekpay_switch/domain/scrolls/bill_file_reading.py": ("billers load",),
    "ekpay_switch/web/brand_marks.py": ("serve with a mark",),
}
# What takes no file of others apart, and why.
NO_READERS = {
    "reconciliation/engine/invariants.py": "our own books, whose digest is compared first",
    "reconciliation/intake/ledger_rows.py": "our own books, whose digest is compared first",
    "reconciliation/month/month_folder.py": "our own books, whose digest is compared first",
    "ekpay_switch/cli/merchants/terms.py": "what it calls a reader is one of a cell",
    "ekpay_switch/wing_kit/xml_reading.py": "answers over the wire, see tests/wing_kit",
}


def of_samples() -> list[Layout]:
    return [sample.layout for sample in statement_samples().values()]


@pytest.mark.parametrize("container", get_args(Container))
def test_every_container_has_a_valid_file(container: str) -> None:
    assert container in {layout.container for layout in of_samples()}


def test_every_frame_and_encoding_of_messages_has_a_valid_file() -> None:
    spoiled = {(each.messages.frame, each.messages.encoding) for each in of_samples() if each.messages}
    frames, encodings = (
        get_args(MessageLayout.model_fields[name].annotation) for name in ("frame", "encoding")
    )
    assert spoiled == {(frame, encoding) for frame in frames for encoding in encodings}
    bitmaps = get_args(MessageLayout.model_fields["bitmap"].annotation)
    assert {each.messages.bitmap for each in of_samples() if each.messages} == set(bitmaps)


def test_every_encoding_and_line_end_of_text_has_a_valid_file() -> None:
    texts = [layout.text for layout in of_samples() if layout.text]
    for name in ("encoding", "line_end", "quote", "headings"):
        annotation = TextLayout.model_fields[name].annotation
        known = {True, False} if annotation is bool else set(get_args(annotation))
        assert {getattr(text, name) for text in texts} == known, name


def test_every_option_of_account_statements_has_a_valid_file() -> None:
    options = [layout.statement for layout in of_samples() if layout.kind == "statement"]
    batches = get_args(StatementOptions.model_fields["batches"].annotation)
    assert {option.batches for option in options} == set(batches)
    assert {option.several for option in options} == {True, False}


@pytest.mark.parametrize("institution", LAYOUTS)
def test_every_layout_of_ours_is_of_a_shape_that_is_spoiled(institution: str) -> None:
    """Layouts of one shape differ in their names, columns and words alone."""
    assert _shape(LAYOUTS[institution]) in {_shape(layout) for layout in of_samples()}


def _shape(layout: Layout) -> tuple[object, ...]:
    parts = (layout.header, layout.trailer, layout.control)
    amounts, time, events = layout.amounts, layout.time, layout.events
    return (
        layout.container,
        layout.text,
        layout.row is not None and bool(layout.row.widths),
        tuple(part is not None for part in parts),
        amounts and (amounts.unit, amounts.grouping, amounts.sign),
        time and time.form,
        events and events.by,
    )


def test_a_file_is_large_enough_to_be_read_in_pieces() -> None:
    large = [sample for name, sample in statement_samples().items() if name.endswith(" large")]
    assert len(large) == 3
    assert all(len(sample.content) > BYTES_MIN + 10_000 for sample in large)


def test_every_module_that_takes_files_apart_has_its_kinds_of_files() -> None:
    """A new reader gets a valid file in tests/fuzz before it can be merged."""
    assert set(_modules_that_parse()) == READERS.keys() | NO_READERS.keys()
    assert {kind for kinds in READERS.values() for kind in kinds} <= targets().keys()


def _modules_that_parse() -> Iterator[str]:
    for folder in ("reconciliation", "ekpay_switch"):
        for path in (ROOT / folder).rglob("*.py"):
            calls = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call))
            if any(_name(call.func) in PARSERS for call in calls):
                yield path.relative_to(ROOT).as_posix()


def _name(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
