"""Elements of an XML file lost, doubled, moved, renamed, nested or filled, or declared otherwise."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Final

from lxml import etree

from tests.fuzz.mutations.byte_mutations import spoil_bytes
from tests.fuzz.mutations.cell_texts import NUMBERS, STEPS, random_text

_MANY: Final = 300
_DEPTHS: Final = (2, 50, 300, 3_000)
_SPACES: Final = ("", "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02", "urn:x", "http://[::1")
_DECLARATIONS: Final = (
    b'<?xml version="1.0" encoding="UTF-16"?>',
    b'<?xml version="1.0" encoding="UTF-7"?>',
    b'<?xml version="1.0" encoding="IBM500"?>',
    b'<?xml version="1.0" encoding="ISO-8859-1"?>',
    b'<?xml version="1.1" encoding="x"?>',
    b'<?xml version="1.0" standalone="yes"?>',
    b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    b'<?xml version="1.0"?><!DOCTYPE d SYSTEM "file:///etc/hostname">',
    b"\xef\xbb\xbf",
    b" ",
    b"",
)


def _lose(_random: Random, element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(random: Random, element: etree._Element) -> None:
    is_root = element.getparent() is None
    for _ in range(0 if is_root else random.choice((1, 1, 2, _MANY))):
        element.addnext(deepcopy(element))


def _move(random: Random, element: etree._Element) -> None:
    """Put an element somewhere else in the document; never into itself."""
    elements = list(element.getroottree().getroot().iter(etree.Element))
    place = random.choice(elements)
    if element not in (place, *place.iterancestors()):
        place.insert(random.randrange(len(place) + 1), element)


def _swap(_random: Random, element: etree._Element) -> None:
    following = element.getnext()
    if following is not None:
        following.addnext(element)


def _rename(random: Random, element: etree._Element) -> None:
    elements = list(element.getroottree().getroot().iter(etree.Element))
    element.tag = random.choice((random.choice(elements).tag, "x"))


def _change_namespace(random: Random, element: etree._Element) -> None:
    space = random.choice(_SPACES)
    family = element.iter(etree.Element) if random.randrange(2) else [element]
    for each in family:
        name = etree.QName(each).localname
        each.tag = f"{{{space}}}{name}" if space else name


def _nest(random: Random, element: etree._Element) -> None:
    """Put an element into many of its own kind, or of another."""
    parent, depth = element.getparent(), random.choice(_DEPTHS)
    if parent is None:
        return
    tag = random.choice((element.tag, "x"))
    place, outer = parent.index(element), etree.Element("x")
    inner = outer
    for _ in range(depth):
        inner = etree.SubElement(inner, "x")
    # A namespace that is no address can be given to an element, but none can be made with it.
    for each in outer.iter():
        each.tag = tag
    inner.append(element)
    parent.insert(place, outer)


def _write(random: Random, element: etree._Element) -> None:
    element.text = _valid(random_text(random, element.text or ""))


def _write_a_leaf(random: Random, element: etree._Element) -> None:
    leaves = [each for each in element.getroottree().getroot().iter(etree.Element) if not len(each)]
    _write(random, random.choice(leaves))


def _write_a_number(random: Random, element: etree._Element) -> None:
    """Another number where one stands: an amount, a count, a number of a page."""
    leaves = [each for each in element.getroottree().getroot().iter(etree.Element) if not len(each)]
    numbers = [leaf for leaf in leaves if (leaf.text or "").replace(".", "").isdigit()]
    random.choice(numbers or leaves).text = _valid(random.choice(NUMBERS))


def _split_text(random: Random, element: etree._Element) -> None:
    """Put a comment, an instruction or an element into the middle of a text."""
    leaves = [
        each for each in element.getroottree().getroot().iter(etree.Element) if (each.text or "").strip()
    ]
    leaf = random.choice(leaves or [element])
    text = leaf.text or ""
    at = random.randrange(len(text) + 1)
    makers = (
        lambda: etree.Comment("x"),
        lambda: etree.ProcessingInstruction("x"),
        lambda: etree.Element("x"),
    )
    inside = random.choice(makers)()
    leaf.text, inside.tail = text[:at], text[at:]
    leaf.insert(0, inside)


def _change_attribute(random: Random, element: etree._Element) -> None:
    elements = [each for each in element.getroottree().getroot().iter(etree.Element) if each.attrib]
    if not elements:
        element.set("x", "1")
        return
    chosen = random.choice(elements)
    name = random.choice(list(chosen.attrib))
    if random.randrange(4) == 0:
        del chosen.attrib[name]
    else:
        chosen.set(name, _valid(random_text(random, str(chosen.get(name)))))


_STEPS: Final[tuple[Callable[[Random, etree._Element], None], ...]] = (
    *(_lose, _double, _move, _swap, _rename, _change_namespace, _nest, _write, _split_text),
    *(_write_a_leaf, _write_a_leaf, _write_a_number, _write_a_number, _change_attribute),
)


def spoil_tree(random: Random, content: bytes) -> bytes:
    """Change some elements of an XML file; what is none any more is spoiled byte by byte."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError:
        return spoil_bytes(random, content)
    for _ in range(random.choice(STEPS)):
        random.choice(_STEPS)(random, random.choice(list(root.iter(etree.Element))))
    written: bytes = etree.tostring(root)
    if random.randrange(10) == 0:
        return random.choice(_DECLARATIONS) + written
    return written.decode().encode("utf-16") if random.randrange(40) == 0 else written


def _valid(text: str) -> str:
    """The text without what XML cannot hold."""
    return "".join(
        letter for letter in text if letter in "\t\n" or " " <= letter < "\ud800" or letter > "\ue000"
    )
