"""XML messages of one empty element with attributes, as some old interfaces use (billers.md 2.6)."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.xml_reading import read_xml

_QUOTED = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def element(name: str, attributes: Mapping[str, object]) -> str:
    """An empty element; the values are escaped."""
    attribute_text = "".join(f' {name}="{escape(str(value), _QUOTED)}"' for name, value in attributes.items())
    return f"<{name}{attribute_text}/>"


def attributes_of(body: bytes) -> Mapping[str, str]:
    """The attributes of the only element of a reply, read as UTF-8 whatever encoding it declares.

    Raises:
        BrokenReplyError: it is no XML, too long, or has a DOCTYPE, a second element or text.
    """
    reader = _AttributeReader()
    read_xml(body, reader.start_element, reader.add_text)
    return reader.attributes


class _AttributeReader:
    """Reads one empty element and refuses anything else."""

    def __init__(self) -> None:
        self.attributes: Mapping[str, str] = {}
        self._has_element = False

    def start_element(self, name: str, attributes: Mapping[str, str]) -> None:
        del name
        if self._has_element:
            raise BrokenReplyError("more than one element")
        self._has_element, self.attributes = True, attributes

    def add_text(self, data: str) -> None:
        if data.strip():
            raise BrokenReplyError("text besides the attributes")
