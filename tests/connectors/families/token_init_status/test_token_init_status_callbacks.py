"""What a payer's browser brings back: a hint that names a payment, whoever has written it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.token_init_status.callback import BrowserReturns
from connectors.families.token_init_status.checks import dialect_of
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from tests.connectors.conftest import the_manifest

FORM = {"content-type": "application/x-www-form-urlencoded"}


def callbacks(connector_id: str) -> BrowserReturns:
    return BrowserReturns(dialect_of(the_manifest(connector_id)))


@pytest.mark.parametrize("headers", [{}, FORM])
@pytest.mark.parametrize(
    ("connector_id", "brought", "hint"),
    [
        (
            "tap",
            b"payment_id=PAY1&merchant_reference=REF1&status=paid",
            CallbackHint("PAY1 paid", "PAY1", "paid", "REF1"),
        ),
        ("tap", b"payment_id=PAY1&status=cancelled", CallbackHint("PAY1 cancelled", "PAY1", "cancelled")),
        ("upay", b"status=success&invoice_id=REF1", CallbackHint("REF1 success", "", "success", "REF1")),
        (
            "upay",
            b"status=%3Cb%3E&invoice_id=REF1",
            CallbackHint("REF1 another word", "", "another word", "REF1"),
        ),
        ("shurjopay", b"order_id=SP1", CallbackHint("SP1 returned", "SP1", "returned")),
        ("shurjopay", b"order_id=SP1&=x", CallbackHint("SP1 returned", "SP1", "returned")),
    ],
)
def test_a_browser_that_comes_back_is_a_hint_and_no_agreement(
    connector_id: str, brought: bytes, hint: CallbackHint, headers: dict[str, str]
) -> None:
    told = callbacks(connector_id).read(headers, brought)
    assert told == hint
    assert isinstance(told, CallbackHint)
    assert not told.is_agreed


@pytest.mark.parametrize(
    "brought",
    [
        b"",
        b"status=paid",
        b"payment_id=&merchant_reference=",
        b"payment_id=..&status=paid",
        b"payment_id=two%20words",
        b"payment_id=%00",
        b"payment_id=PAY1&merchant_reference=%0aX",
        b"payment_id=PAY1&payment_id=PAY2",
        b'{"payment_id": "PAY1"}',
        b"payment_id=\xff",
        b"payment_id=" + b"x" * 4_100,
        b"&".join(b"a%d=1" % number for number in range(60)),
    ],
)
def test_what_names_no_payment_is_no_hint(brought: bytes) -> None:
    assert isinstance(callbacks("tap").read({}, brought), NoHint)


@given(st.binary(max_size=200))
def test_nothing_that_comes_raises_or_is_repeated_unknown(brought: bytes) -> None:
    told = callbacks("upay").read({}, brought)
    if isinstance(told, CallbackHint):
        assert told.claims in {"returned", "another word", *dialect_of(the_manifest("upay")).words}
