"""The published messages of connectors.md 12.6, byte for byte, and what the codec refuses."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.iso8583.codec import decode, encode
from connectors.families.iso8583.mac import MacKey
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

KEY = MacKey("0123456789ABCDEFFEDCBA9876543210")
SIGN_ON = {"t": "0800", "7": "1109083015", "11": "000001", "70": "001"}
ECHO = {"t": "0800", "7": "1109083015", "11": "000002", "70": "301"}
REQUEST = {
    "t": "0200", "2": "5060990000000000013", "3": "500000", "4": "000000125050", "7": "1109083015",
    "11": "000123", "12": "143015", "13": "1109", "18": "4900", "32": "025272684", "37": "631408000123",
    "41": "EKPAY001", "42": "EKPAYSWITCH0001", "48": "DESCO|1234567890|202510", "49": "050",
}  # fmt: skip
REVERSAL = {
    **{name: text for name, text in REQUEST.items() if name not in {"18", "48"}},
    "t": "0420", "11": "000124", "39": "68", "90": "0200000123110908301500025272684" + "0" * 11,
}  # fmt: skip
SIGN_ON_HEX = "303830308220000000000000040000000000000031313039303833303135303030303031303031"
ECHO_HEX = "303830308220000000000000040000000000000031313039303833303135303030303032333031"
REQUEST_HEX = (
    "303230307238400108c180013139353036303939303030303030303030303031333530303030303030303030303132353035"
    "3031313039303833303135303030313233313433303135313130393439303030393032353237323638343633313430383030"
    "30313233454b504159303031454b50415953574954434830303031303233444553434f7c313233343536373839307c323032"
    "353130303530948532ee06e1d476"
)
REVERSAL_HEX = (
    "30343230f23800010ac080000000004000000000313935303630393930303030303030303030303133353030303030303030"
    "3030303132353035303131303930383330313530303031323431343330313531313039303930323532373236383436333134"
    "3038303030313233"
    "3638454b504159303031454b5041595357495443483030303130353030323030303030313233"
    "31313039303833303135303030323532373236383430303030303030303030"
    "30"
)
MAC, MAC_OF_OTHER_PADDING = "948532ee06e1d476", "047adbca883f112b"


@pytest.mark.parametrize(
    ("fields", "written"),
    [(SIGN_ON, SIGN_ON_HEX), (ECHO, ECHO_HEX), (REVERSAL, REVERSAL_HEX)],
    ids=["sign-on", "echo", "reversal without its MAC"],
)
def test_a_message_is_written_and_read_as_published(fields: dict[str, str], written: str) -> None:
    assert encode(fields).hex() == written
    assert decode(bytes.fromhex(written)) == fields


def test_a_request_is_written_and_read_as_published_with_its_mac() -> None:
    assert encode(REQUEST, KEY).hex() == REQUEST_HEX
    assert decode(bytes.fromhex(REQUEST_HEX), KEY) == REQUEST
    assert REQUEST_HEX.endswith(MAC)


def test_the_mac_of_the_other_padding_is_wrong() -> None:
    signed = bytes.fromhex(REQUEST_HEX)[:-8]
    assert KEY.is_right(signed, bytes.fromhex(MAC))
    assert not KEY.is_right(signed, bytes.fromhex(MAC_OF_OTHER_PADDING))
    with pytest.raises(BrokenReplyError, match="a wrong MAC"):
        decode(signed + bytes.fromhex(MAC_OF_OTHER_PADDING), KEY)


def test_a_reversal_carries_its_mac_in_the_last_field() -> None:
    written = encode(REVERSAL, KEY)
    # The bit of DE128 is set before the MAC is made.
    assert written[:20].hex() == "30343230f23800010ac080000000004000000001"
    assert decode(written, KEY) == REVERSAL
    assert written[-8:].hex() == "d30cb81868fe551d"


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 100])
def test_a_mac_is_made_of_any_length(size: int) -> None:
    message = bytes(range(size))
    assert KEY.mac_of(message) == KEY.mac_of(message + bytes(-size % 8))
    assert len(KEY.mac_of(message)) == 8


def test_a_single_block_is_triple_des() -> None:
    # FIPS 46-3 by hand: with both halves alike, triple DES is DES.
    assert MacKey("0123456789ABCDEF" * 2).mac_of(b"Now is t").hex() == "3fa40e8a984d4815"


@pytest.mark.parametrize("written", ["", "0123456789ABCDEF", "g" * 32, "0" * 31, "0" * 33, "\u0660" * 32])
def test_what_is_no_key_is_refused_and_not_quoted(written: str) -> None:
    with pytest.raises(ValueError, match="a MAC key has 32 hexadecimal digits"):
        MacKey(written)


def test_a_mac_in_the_place_of_a_longer_message_is_none() -> None:
    raw = encode({**REQUEST, "128": "00" * 8})
    with pytest.raises(BrokenReplyError, match="a wrong MAC"):
        decode(raw[:-8] + KEY.mac_of(raw[:-8]), KEY)


def test_a_mac_that_other_fields_follow_is_none() -> None:
    with pytest.raises(BrokenReplyError, match="a wrong MAC"):
        decode(encode({**SIGN_ON, "64": "00" * 8}), KEY)


def test_a_second_bitmap_that_says_nothing_is_read() -> None:
    raw = encode(REQUEST, KEY)
    first = bytes([raw[4] | 0x80]) + raw[5:12]
    signed = raw[:4] + first + bytes(8) + raw[12:-8]
    assert decode(signed + KEY.mac_of(signed), KEY) == REQUEST


@given(st.binary(max_size=200))
def test_rubbish_is_refused_by_name(raw: bytes) -> None:
    with suppress(BrokenReplyError):
        decode(raw)
    with pytest.raises(BrokenReplyError, match=r"^a message that cannot be read$|^a wrong MAC$"):
        decode(raw, KEY)


@given(st.integers(0, len(REQUEST_HEX) // 2 - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(at: int, by: int) -> None:
    raw = bytearray.fromhex(REQUEST_HEX)
    raw[at] ^= by
    with pytest.raises(BrokenReplyError):
        decode(bytes(raw), KEY)


@given(st.integers(0, len(REQUEST_HEX) // 2 - 1))
def test_any_part_of_a_message_is_none(size: int) -> None:
    with pytest.raises(BrokenReplyError):
        decode(bytes.fromhex(REQUEST_HEX)[:size], KEY)
