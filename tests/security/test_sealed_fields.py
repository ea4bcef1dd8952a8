import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

KEY = bytes(range(32))


@given(context=st.text(max_size=40), plaintext=st.binary(max_size=200))
def test_what_is_sealed_opens_in_its_context(context: str, plaintext: bytes) -> None:
    sealed = Sealer(KEY).seal(context, plaintext)
    assert Sealer(KEY).unseal(context, sealed) == plaintext


def test_sealing_twice_gives_different_bytes_and_never_the_plaintext() -> None:
    sealer = Sealer(KEY)
    first, second = sealer.seal("a", b"secret text"), sealer.seal("a", b"secret text")
    assert first != second
    assert b"secret" not in first


def test_another_context_or_another_key_does_not_open_it() -> None:
    sealed = Sealer(KEY).seal("partners.secret:P1", b"x")
    with pytest.raises(SealBrokenError):
        Sealer(KEY).unseal("partners.secret:P2", sealed)
    with pytest.raises(SealBrokenError):
        Sealer(bytes(32)).unseal("partners.secret:P1", sealed)


def test_each_changed_bit_breaks_the_seal() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal("c", b"taka")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBrokenError):
            sealer.unseal("c", bytes(changed))


@pytest.mark.parametrize("length", range(30))
def test_a_cut_field_breaks_the_seal(length: int) -> None:
    sealed = Sealer(KEY).seal("c", b"taka")
    with pytest.raises(SealBrokenError):
        Sealer(KEY).unseal("c", sealed[:length])
