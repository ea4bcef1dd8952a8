"""One XML element: what is written comes back, and nothing but one element is ever read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.flat_xml import attributes_of, element
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

# What XML 1.0 can hold at all.
SIGNS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\t\n\r"
)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}", fullmatch=True)


@given(st.dictionaries(NAMES, st.text(SIGNS, max_size=30), max_size=6))
def test_what_is_written_is_read_back(attributes: dict[str, str]) -> None:
    assert attributes_of(element("request", attributes).encode()) == attributes


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(body: bytes) -> None:
    with pytest.raises(BrokenReplyError):
        attributes_of(b"\x00" + body)


BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><a state="&c;"/>'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no XML"),
        (b"success", "no XML"),
        (b"<a state='0'", "no XML"),
        (b"<a state='0' state='1'/>", "no XML"),
        (b"<a state=0/>", "no XML"),
        (b"<a state='&undeclared;'/>", "no XML"),
        (b"<a state='0'/><a state='1'/>", "no XML"),
        (b"<a state='\xff'/>", "no XML"),
        (b"<a state='0'><b state='1'/></a>", "more than one"),
        (b"<a state='0'>1</a>", "text"),
        (b"<a state='0'><![CDATA[1]]></a>", "text"),
        (BOMB, "DOCTYPE"),
        (b"<!DOCTYPE a><a state='0'/>", "DOCTYPE"),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a state='0'/>", "DOCTYPE"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'http://127.0.0.1:9/'>]><a>&b;</a>", "DOCTYPE"),
        (b"<a state='0' pad='" + b"x" * 70_000 + b"'/>", "too long"),
    ],
)
def test_anything_but_one_element_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BrokenReplyError, match=why):
        attributes_of(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<a state='0'/>",
        b"<a state='0'></a>",
        b"<a state='0'>\n  </a>\n",
        b"<?xml version='1.0'?>\n<!-- a note --><a state='0'/>",
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a state='0'/>",
        b"\xef\xbb\xbf<a state='0'/>",
        b"<a state='&#48;'/>",
    ],
)
def test_one_element_is_one_however_it_is_wrapped(body: bytes) -> None:
    assert attributes_of(body) == {"state": "0"}


def test_utf_8_is_read_whatever_the_reply_claims() -> None:
    body = "<?xml version='1.0' encoding='ISO-8859-1'?><a message='\u09ac'/>".encode()
    assert attributes_of(body) == {"message": "\u09ac"}
