"""XML trees, written the same way each time and read as strictly as `statement.formats.camt` does.

A DOCTYPE is refused before the parser sees it, so no entity is ever expanded; nothing is fetched.
"""

from typing import Final

from lxml import etree

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.xml_text import text_of

BYTES_MAX: Final = 20_000_000


def tree_of(content: bytes) -> etree._Element:
    """The root of a message.

    Raises:
        UnreadableFileError: it is too long, not UTF-8, not well formed, or has a DOCTYPE.
    """
    if len(content) > BYTES_MAX:
        raise UnreadableFileError("too long to be read")
    # UTF-16 would hide a DOCTYPE from the look below, so it is not taken at all.
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in content[:64]:
        raise UnreadableFileError("only UTF-8 is taken")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableFileError("a document type declaration is not taken")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as problem:
        raise UnreadableFileError(f"no well-formed XML: {problem.msg}", line=problem.lineno) from problem


def bytes_of(root: etree._Element) -> bytes:
    """The message as UTF-8 with a declaration, indented by two spaces and ended by a line feed."""
    etree.indent(root)
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def append_element(parent: etree._Element, path: str, text: str) -> etree._Element:
    """Append the elements of a path below the parent, the last one with the text.

    Elements before the last are reused where they were the last ones put there, so that `A/B` and `A/C` put
    one after the other are one A.
    """
    *outer, last = path.split("/")
    namespace = etree.QName(parent).namespace
    for name in outer:
        tag = f"{{{namespace}}}{name}" if namespace else name
        newest = parent[-1] if len(parent) else None
        parent = newest if newest is not None and newest.tag == tag else etree.SubElement(parent, tag)
    element = etree.SubElement(parent, f"{{{namespace}}}{last}" if namespace else last)
    element.text = text
    return element


def text_at(element: etree._Element, path: str) -> str:
    """The text at a path below the element, whatever its namespace; empty if there is none.

    Raises:
        UnreadableFileError: text and elements are mixed there.
    """
    target = element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return "" if target is None else text_of(target)


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    name: str = etree.QName(element).localname
    return name


def taka(paisa: int) -> str:
    """Whole paisa (not negative) as taka with two decimals: `1234.05`."""
    return f"{paisa // 100}.{paisa % 100:02d}"
