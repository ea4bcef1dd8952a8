"""One XML element without content, all of it in attributes, as some old interfaces speak (billers.md 2.6)."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.xml_reading import read_xml

_QUOTED = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def element(name: str, attributes: Mapping[str, object]) -> str:
    """An empty element; the values are written as text, whatever signs they hold."""
    written = "".join(f' {name}="{escape(str(value), _QUOTED)}"' for name, value in attributes.items())
    return f"<{name}{written}/>"


def attributes_of(body: bytes) -> Mapping[str, str]:
    """The attributes of the one element of a reply in UTF-8, whatever encoding it claims.

    Raises:
        BrokenReplyError: it is no XML, too long, or has a DOCTYPE, a second element or text.
    """
    reading = _Reading()
    read_xml(body, reading.take, reading.say)
    return reading.attributes


class _Reading:
    """What has been read; anything beyond one empty element is refused."""

    def __init__(self) -> None:
        self.attributes: Mapping[str, str] = {}
        self._has_begun = False

    def take(self, name: str, attributes: Mapping[str, str]) -> None:
        del name
        if self._has_begun:
            raise BrokenReplyError("more than one element")
        self._has_begun, self.attributes = True, attributes

    def say(self, data: str) -> None:
        if data.strip():
            raise BrokenReplyError("text beside the attributes")
