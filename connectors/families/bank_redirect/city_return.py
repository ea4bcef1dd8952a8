"""The return of a payer's browser from City Bank: a form with unsigned XML."""

from collections.abc import Mapping

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.xml_reading import read_xml


def texts_of(xml: str) -> Mapping[str, str]:
    """The texts of a message by the names of their elements, at any depth.

    Raises:
        BrokenReplyError: it is no XML, too long, has a DOCTYPE, or an element has two different texts.
    """
    reader = _TextReader()
    try:
        body = xml.encode()
    except UnicodeEncodeError:
        raise BrokenReplyError("no XML") from None
    read_xml(body, reader.start_element, reader.add_text, reader.end_element)
    return reader.texts


class _TextReader:
    """Collects the texts of elements without child elements."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._pieces: list[str] = []
        self._is_leaf = False

    def start_element(self, name: str, attributes: Mapping[str, str]) -> None:
        del name, attributes
        self._pieces, self._is_leaf = [], True

    def add_text(self, data: str) -> None:
        self._pieces.append(data)

    def end_element(self, name: str) -> None:
        if self._is_leaf:
            element_text = "".join(self._pieces).strip()
            if self.texts.setdefault(name, element_text) != element_text:
                raise BrokenReplyError("an element with two different texts")
        self._is_leaf = False
