"""Whatever is sent, the simulated bKash answers it in one of its envelopes and never breaks."""

from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.requests import MalformedRequestError
from sandbox.providers.bkash.institution import BkashInstitution
from sandbox.providers.bkash.settings import BkashSettings
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.bkash.caller import BkashCaller, a_create

FIELDS = (
    *a_create(),
    *(
        "app_key",
        "app_secret",
        "refresh_token",
        "merchantAssociationInfo",
        "paymentID",
        "trxID",
        "agreementID",
    ),
    *("paymentId", "trxId", "refundAmount", "sku", "reason"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENVELOPES = (
    {"statusCode", "statusMessage"},
    {"errorCode", "errorMessage"},
    {"internalCode", "externalCode", "errorMessageEn", "errorMessageBn"},
)


@pytest.fixture(scope="module")
def institution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BkashInstitution]:
    settings = BkashSettings(home=tmp_path_factory.mktemp("bkash"))
    opened = BkashInstitution.open(settings, Clock(SetClock().now))
    yield opened
    opened.close()


def calls(institution: BkashInstitution) -> list[Call]:
    return [*institution.calls().values(), *institution.root_calls().values()]


@given(form=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_object_is_refused_in_an_envelope_and_opens_nothing(
    institution: BkashInstitution, form: dict[str, object]
) -> None:
    before = len(list(institution.shared.book.payments()))
    for call in calls(institution):
        try:
            answer = orjson.loads(call.answer(form).body["body"])
        except MalformedRequestError:
            continue
        assert answer.keys() in [*ENVELOPES, {"message"}], call.name
    assert len(list(institution.shared.book.payments())) == before


@given(field=st.sampled_from(sorted(a_create())), value=JSON)
def test_a_create_with_one_field_of_rubbish_never_breaks(
    institution: BkashInstitution, field: str, value: object
) -> None:
    form = a_create() | {field: value}
    answer = orjson.loads(institution.calls()["create"].answer(form).body["body"])
    assert answer["statusCode"] == "0000" or answer.keys() == ENVELOPES[0]


@given(st.integers(min_value=0, max_value=10**11))
def test_an_amount_written_is_read_again(amount: int) -> None:
    assert paisa(taka(amount)) == amount


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=99))
def test_an_amount_as_a_number_is_read_to_the_paisa(whole: int, rest: int) -> None:
    number = orjson.loads(f"{whole}.{rest:02d}")
    assert paisa(number) == whole * 100 + rest


@pytest.mark.parametrize("path", ["approve", "sns", "sns-endpoint", "faults", "outage"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"nothing":1}'])
async def test_an_admin_order_that_cannot_be_read_is_400(bkash: BkashCaller, path: str, body: bytes) -> None:
    async with bkash.session.post(f"{bkash.origin}/_admin/{path}", data=body) as answer:
        assert answer.status == 400
