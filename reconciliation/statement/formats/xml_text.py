"""XML of far sides: parsed without entities, without network and without a document type."""

from typing import IO

from lxml import etree

from reconciliation.errors import UnreadableFileError


def refuse_doctype(content: bytes) -> None:
    """Refuse what could expand entities, before a parser sees it.

    UTF-16 would hide the declaration from this check, so it is refused.

    Raises:
        UnreadableFileError: the content is UTF-16, or declares a document type or an entity.
    """
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in content[:64]:
        raise UnreadableFileError("only UTF-8 is taken")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableFileError("a document type declaration is not taken")


def parse_xml(stream: IO[bytes]) -> etree._Element:
    """The root of a small document.

    Raises:
        UnreadableFileError: it is not well-formed, or has a document type.
    """
    content = stream.read()
    refuse_doctype(content)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as problem:
        raise UnreadableFileError(f"no well-formed XML: {problem.msg}", line=problem.lineno) from problem


def text_of(element: etree._Element) -> str:
    """The text of an element, without the spaces around it; empty where it holds elements alone.

    Raises:
        UnreadableFileError: text and elements are mixed in it, so that its text would be read in part.
    """
    texts = (element.text, *(child.tail for child in element))
    if len(element) and any((text or "").strip() for text in texts):
        raise UnreadableFileError(
            "text and elements are mixed", line=element.sourceline, column=local_name(element)
        )
    return (element.text or "").strip()


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace; nothing for a comment."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
