"""The bytes of ISO 8583 as several libraries agree on them (connectors.md 12.6), and what is no message."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.providers.iso8583.codec import (
    FORMS,
    MAC,
    SECOND_MAC,
    FieldForm,
    Letters,
    UnreadableMessageError,
    decode,
    encode,
    frame,
)
from sandbox.providers.iso8583.mac import mac_of

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")

SIGN_ON = {7: "1109083015", 11: "000001", 70: "001"}
ECHO = {7: "1109083015", 11: "000002", 70: "301"}
REQUEST = {
    2: "5060990000000000013",
    3: "500000",
    4: "000000125050",
    7: "1109083015",
    11: "000123",
    12: "143015",
    13: "1109",
    18: "4900",
    32: "025272684",
    37: "631408000123",
    41: "EKPAY001",
    42: "EKPAYSWITCH0001",
    48: "DESCO|1234567890|202510",
    49: "050",
}
REVERSAL = {number: text for number, text in REQUEST.items() if number not in {18, 48}} | {
    7: "1109083115",
    11: "000124",
    39: "68",
    90: "020000012311090830150002527268400000000000",
}
SIGN_ON_HEX = "303830308220000000000000040000000000000031313039303833303135303030303031303031"
ECHO_HEX = "303830308220000000000000040000000000000031313039303833303135303030303032333031"
REQUEST_HEX = (
    "303230307238400108c180013139353036303939303030303030303030303031333530303030303030303030303132353035"
    "303131303930383330313530303031323331343330313531313039343930303039303235323732363834363331343038303030"
    "313233454b504159303031454b50415953574954434830303031303233444553434f7c313233343536373839307c323032353130"
    "303530948532ee06e1d476"
)
REVERSAL_HEX = (
    "30343230f23800010ac080000000004000000000313935303630393930303030303030303030303133353030303030303030"
    "303030313235303530313130393038333131353030303132343134333031353131303930393032353237323638343633313430"
    "383030303132333638454b504159303031454b50415953574954434830303031303530303230303030303132333131303930"
    "383330313530303032353237323638343030303030303030303030"
)
VECTORS = [
    ("0800", SIGN_ON, None, SIGN_ON_HEX),
    ("0800", ECHO, None, ECHO_HEX),
    ("0200", REQUEST, KEY, REQUEST_HEX),
    ("0420", REVERSAL, None, REVERSAL_HEX),
]


@pytest.mark.parametrize(("mti", "fields", "key", "hexadecimal"), VECTORS)
def test_the_agreed_messages_are_written_and_read_to_the_byte(
    mti: str, fields: dict[int, str], key: bytes | None, hexadecimal: str
) -> None:
    content = bytes.fromhex(hexadecimal)
    assert encode(mti, fields, key) == content
    read = decode(content)
    assert (read.mti, read.fields) == (mti, fields)
    assert read.is_sealed(KEY) is (key is not None)


def test_the_mac_is_the_agreed_one_and_that_of_a_long_message_is_the_second() -> None:
    content = bytes.fromhex(REQUEST_HEX)
    assert mac_of(KEY, content[:-8]).hex() == "948532ee06e1d476"
    sealed = encode("0420", REVERSAL, KEY)
    # The bit of DE128 is set before the MAC is taken.
    assert sealed[12:20].hex() == "0000004000000001"
    assert sealed[-8:] == mac_of(KEY, sealed[:-8])
    assert decode(sealed).is_sealed(KEY)
    assert not decode(sealed).is_sealed(bytes(16))
    assert not decode(encode("0420", REVERSAL)).is_sealed(KEY)


def test_the_mac_of_one_block_or_none_is_taken_all_the_same() -> None:
    # Under a key whose halves are one, the three steps of the last block are one step of plain DES.
    key = bytes.fromhex("0123456789ABCDEF" * 2)
    assert mac_of(key, b"Now is t").hex() == "3fa40e8a984d4815"
    assert mac_of(key, b"Now is") == mac_of(key, b"Now is\0\0")
    assert mac_of(KEY, b"12345678") != mac_of(KEY, b"12345678\0")


def test_a_second_bitmap_that_says_nothing_is_read_and_never_written() -> None:
    plain = bytes.fromhex(REQUEST_HEX)[:-8]
    long = plain[:4] + bytes([plain[4] | 0x80]) + plain[5:12] + bytes(8) + plain[12:]
    read = decode(long + mac_of(KEY, long))
    assert read.fields == REQUEST
    assert read.is_sealed(KEY)
    assert encode("0200", REQUEST, KEY).hex() == REQUEST_HEX


def test_short_values_are_filled_and_a_frame_has_its_length_before_it() -> None:
    content = encode("0200", {4: "125050", 41: "EKPAY", 102: "AL1"})
    assert decode(content).fields == {4: "000000125050", 41: "EKPAY   ", 102: "AL1"}
    assert frame(content) == len(content).to_bytes(2, "big") + content


@pytest.mark.parametrize("length", range(len(REVERSAL_HEX) // 2))
def test_a_message_that_is_cut_is_none(length: int) -> None:
    with pytest.raises(UnreadableMessageError):
        decode(encode("0420", REVERSAL, KEY)[:length])


@pytest.mark.parametrize(
    "hexadecimal",
    [
        "3038303a" + SIGN_ON_HEX[8:],  # an MTI with a letter
        SIGN_ON_HEX + "00",  # more behind the end
        SIGN_ON_HEX[:-2] + "3a",  # DE70 with a letter
        "30323030" + "4000000000000000" + "3230" + "31" * 20,  # DE2 longer than it may be
        "30323030" + "4000000000000000" + "3031" + "e0",  # DE2 with no digit
        "30323030" + "0000000000000002" + "313233",  # DE63 without a length
        "30323030" + "0800000000000000" + "3030",  # DE5, which is not here
        "30323030" + "8000000000000001" + "0400000000000000" + "00" * 8 + "303031",  # DE64 before DE70
        "30323030" + "8000000000000000" + "8000000000000000" + "00" * 8,  # a third bitmap
    ],
)
def test_what_is_no_message_is_not_read(hexadecimal: str) -> None:
    with pytest.raises(UnreadableMessageError) as told:
        decode(bytes.fromhex(hexadecimal))
    # The text names a place and repeats nothing.
    assert not re.search(r"[0-9]{4}", str(told.value))


@pytest.mark.parametrize(
    ("number", "value"), [(2, "1" * 20), (4, "x"), (11, "1234567"), (39, "0!"), (5, "1"), (48, "é")]
)
def test_a_value_that_a_field_cannot_hold_is_not_written(number: int, value: str) -> None:
    with pytest.raises(ValueError, match=r"DE|ascii"):
        encode("0200", {number: value})


def _values(form: FieldForm) -> st.SearchStrategy[str]:
    alphabet = {
        Letters.DIGITS: "0123456789",
        Letters.ALPHANUMERIC: "09azAZ",
        Letters.PRINTABLE: "".join(map(chr, range(0x20, 0x7F))),
    }[form.letters]
    least = 0 if form.counted_in else form.length
    return st.text(alphabet, min_size=least, max_size=min(form.length, 60))


MESSAGES = st.fixed_dictionaries({}, optional={number: _values(form) for number, form in FORMS.items()})


@given(mti=st.text("0123456789", min_size=4, max_size=4), fields=MESSAGES, is_sealed=st.booleans())
def test_whatever_is_written_is_read_again(mti: str, fields: dict[int, str], *, is_sealed: bool) -> None:
    content = encode(mti, fields, KEY if is_sealed else None)
    read = decode(content)
    assert (read.mti, read.fields, read.is_sealed(KEY)) == (mti, fields, is_sealed)
    is_long = max(fields, default=0) > 64
    bits = int.from_bytes(content[4:20] if is_long else content[4:12] + bytes(8))
    present = {number for number in range(1, 129) if bits >> (128 - number) & 1}
    mac = {SECOND_MAC if is_long else MAC} if is_sealed else set()
    assert present == fields.keys() | mac | ({1} if is_long else set())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_unreadable(content: bytes) -> None:
    try:
        read = decode(content)
    except UnreadableMessageError:
        return
    assert read.covered + read.mac == content


@given(st.binary(min_size=1, max_size=40), st.integers(min_value=0), st.integers(0, 7))
def test_a_mac_tells_every_change(covered: bytes, at: int, bit: int) -> None:
    place = at % len(covered)
    changed = covered[:place] + bytes([covered[place] ^ 1 << bit]) + covered[place + 1 :]
    assert mac_of(KEY, changed) != mac_of(KEY, covered)
