"""One XML element without content, all of it in attributes, as some old interfaces speak it (billers.md 2.6).

Read by the expat of the standard library: lxml stands in no lock file of ours, and nothing here needs a tree.
Any DOCTYPE is refused, and with it every entity that a reply could declare.
"""

from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_BYTES_MAX = 65_536
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
    if len(body) > _BYTES_MAX:
        message = "too long to be read"
        raise BrokenReplyError(message)
    parser = expat.ParserCreate("utf-8")
    reading = _Reading()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reading.take
    parser.CharacterDataHandler = reading.say
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the signature is expat's
    except expat.ExpatError:
        message = "no XML"
        raise BrokenReplyError(message) from None
    return reading.attributes


class _Reading:
    """What has been read; anything beyond one empty element is refused."""

    def __init__(self) -> None:
        self.attributes: Mapping[str, str] = {}
        self._has_begun = False

    def take(self, name: str, attributes: Mapping[str, str]) -> None:
        del name
        if self._has_begun:
            message = "more than one element"
            raise BrokenReplyError(message)
        self._has_begun, self.attributes = True, attributes

    def say(self, data: str) -> None:
        if data.strip():
            message = "text beside the attributes"
            raise BrokenReplyError(message)


def _refuse_doctype(*_: object) -> None:
    message = "a DOCTYPE"
    raise BrokenReplyError(message)
