"""Reading XML of far sides, trusting none of it.

Read by the expat of the standard library: lxml comes with the extra of reconciliation alone, and nothing here
needs a tree.
Any DOCTYPE is refused, and with it every entity that a sender could declare.
"""

from collections.abc import Callable, Mapping
from xml.parsers import expat

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_BYTES_MAX = 65_536

OnStart = Callable[[str, Mapping[str, str]], None]
TextHandling = Callable[[str], None]
OnEnd = Callable[[str], None]


def read_xml(body: bytes, start: OnStart, say: TextHandling, end: OnEnd | None = None) -> None:
    """Call `start`, `say` and `end` for every element, text and end; read as UTF-8, whatever it declares.

    Raises:
        BrokenReplyError: it is no XML, too long or has a DOCTYPE, or one of the three raises it.
    """
    if len(body) > _BYTES_MAX:
        raise BrokenReplyError("too long to be read")
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.CharacterDataHandler = say
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the signature is expat's
    except expat.ExpatError:
        raise BrokenReplyError("no XML") from None


def _refuse_doctype(*_: object) -> None:
    raise BrokenReplyError("a DOCTYPE")
