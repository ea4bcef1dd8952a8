"""What a payer's browser brings back from City Bank: a form with XML in it, signed by nobody."""

from collections.abc import Mapping

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.xml_reading import read_xml


def texts_of(xml: str) -> Mapping[str, str]:
    """The texts of a message by the names of their elements, wherever they stand in it.

    Raises:
        BrokenReplyError: it is no XML, too long, has a DOCTYPE, or an element says two things.
    """
    reading = _Reading()
    try:
        body = xml.encode()
    except UnicodeEncodeError:
        raise BrokenReplyError("no XML") from None
    read_xml(body, reading.open, reading.say, reading.close)
    return reading.texts


class _Reading:
    """What has been read so far; an element with elements in it has no text of its own."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._pieces: list[str] = []
        self._is_leaf = False

    def open(self, name: str, attributes: Mapping[str, str]) -> None:
        del name, attributes
        self._pieces, self._is_leaf = [], True

    def say(self, data: str) -> None:
        self._pieces.append(data)

    def close(self, name: str) -> None:
        if self._is_leaf:
            told = "".join(self._pieces).strip()
            if self.texts.setdefault(name, told) != told:
                raise BrokenReplyError("an element that says two things")
        self._is_leaf = False
