"""What is said over a host link follows from its row; what is heard counts where it echoes that."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.iso8583.codec import encode
from connectors.families.iso8583.mac import MacKey
from connectors.families.iso8583.messages import (
    collected_of,
    evidence_fields,
    request_message,
    require_answer,
    require_reversal_answer,
    reversal_message,
    rrn_of,
    settlement_date,
)
from connectors.families.iso8583.settings import LinkSettings
from ekpay_switch.domain.host_messages import (
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    NewHostMessage,
    Reversal,
    Trace,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from tests.connectors.conftest import the_manifest
from tests.connectors.families.iso8583.host_link_stage import KEY, answered, reversed_by

SETTINGS = LinkSettings.model_validate(dict(the_manifest("janata").family_settings))
# Six in the evening in UTC is the next day in Dhaka.
EVENING = datetime(2025, 12, 31, 18, 30, 15, tzinfo=UTC)
SENT = NewHostMessage(
    key=MessageKey("janata", "EXAMPLE0000000000000001", 1),
    payment_id=UUID(int=1),
    acquirer="025135000",
    trace=Trace(123, EVENING),
    rrn=rrn_of(Trace(123, EVENING)),
    amount=Money(125_050),
    alias="ALEXAMPLE00000000001",
)
REVERSING = HostMessage(SENT, HostState.REVERSING, reversal=Reversal(Trace(7, EVENING.replace(hour=20)), 1))
ASKED = request_message(SENT, SETTINGS)
FIELDS = sorted(ASKED.keys() - {"t", "18"})


def test_times_are_those_of_the_trace_in_utc_and_in_dhaka() -> None:
    assert (ASKED["7"], ASKED["12"], ASKED["13"]) == ("1231183015", "003015", "0101")
    assert (ASKED["11"], ASKED["37"]) == ("000123", "600100000123")
    assert rrn_of(Trace(999_999, datetime(2028, 12, 31, 5, 0, tzinfo=UTC))) == "836611999999"


def test_a_reversal_says_what_its_request_said() -> None:
    first = reversal_message(REVERSING, SETTINGS, is_repeat=False)
    repeat = reversal_message(REVERSING, SETTINGS, is_repeat=True)
    assert {**first, "t": "0421"} == repeat
    assert first["90"] == "0200" + "000123" + "1231183015" + "00025135000" + "0" * 11
    assert (first["11"], first["37"], first["7"], first["12"]) == ("000007", SENT.rrn, "1231183015", "003015")
    encode(first, MacKey(KEY))


def test_what_is_said_twice_is_said_in_the_same_bytes() -> None:
    assert encode(ASKED, MacKey(KEY)) == encode(request_message(replace(SENT), SETTINGS), MacKey(KEY))


@pytest.mark.parametrize(
    ("told", "near", "expected"),
    [
        ("0310", date(2026, 3, 10), "2026-03-10"),
        ("0311", date(2026, 3, 10), "2026-03-11"),
        ("0101", date(2026, 12, 31), "2027-01-01"),
        ("1231", date(2027, 1, 1), "2026-12-31"),
        ("0229", date(2028, 3, 1), "2028-02-29"),
        ("0229", date(2026, 3, 1), ""),
        ("0230", date(2026, 3, 1), ""),
        ("1301", date(2026, 3, 1), ""),
        ("", date(2026, 3, 1), ""),
        ("ABCD", date(2026, 3, 1), ""),
        ("2026", date(2026, 3, 1), ""),
    ],
)
def test_a_settlement_date_is_the_nearest_of_its_kind(told: str, near: date, expected: str) -> None:
    assert settlement_date(told, near) == expected


def test_an_approval_is_read_as_it_came() -> None:
    answer = answered(ASKED)
    require_answer(answer, SENT, SETTINGS)
    reply = HostReply("00", is_decided=True, fields=evidence_fields(answer, SETTINGS))
    collected = collected_of(HostMessage(SENT, HostState.ANSWERED, reply=reply))
    assert (collected.reference, collected.amount) == (SENT.key.reference, SENT.amount)
    assert collected.provider_transaction == "025135000-20260101-600100000123"
    assert collected.facts == {
        "settlement_date": "2026-01-01",
        "approval_code": "A1B2C3",
        "stan": "000123",
        "rrn": "600100000123",
    }


def test_what_is_kept_of_an_answer_holds_no_alias_and_nothing_unprintable() -> None:
    told = {**answered(ASKED), "2": "5060990000000000013", "63": "a\x00b"}
    kept = evidence_fields(told, SETTINGS)
    assert kept.keys() == told.keys() - {"2", "102", "63"}


@pytest.mark.parametrize("name", ["3", "7", "11", "12", "13", "32", "37", "41", "42", "102", "39"])
def test_an_answer_without_what_it_must_echo_is_none(name: str) -> None:
    answer = {number: text for number, text in answered(ASKED).items() if number != name}
    why = "no response code" if name == "39" else f"another field {name}"
    with pytest.raises(BrokenReplyError, match=why):
        require_answer(answer, SENT, SETTINGS)


@pytest.mark.parametrize("name", ["4", "49"])
@pytest.mark.parametrize("code", ["00", "51"])
def test_an_answer_without_an_amount_is_none(name: str, code: str) -> None:
    answer = {number: text for number, text in answered(ASKED, code).items() if number != name}
    with pytest.raises(BrokenReplyError, match="no amount"):
        require_answer(answer, SENT, SETTINGS)


@given(st.sampled_from(FIELDS), st.text("0123456789ABC ", min_size=1, max_size=12))
def test_any_other_answer_is_refused_or_says_what_the_core_compares(name: str, text: str) -> None:
    answer = {**answered(ASKED), name: text}
    try:
        require_answer(answer, SENT, SETTINGS)
    except BrokenReplyError:
        return
    # Amount, currency and our reference are the core's to compare; everything else is as it was said.
    assert answer[name] == ASKED[name] or name in {"4", "48", "49"}


@pytest.mark.parametrize("name", ["11", "37", "4", "7", "32", "41", "42", "49", "90", "102"])
def test_an_answer_to_another_reversal_is_none(name: str) -> None:
    asked = reversal_message(REVERSING, SETTINGS, is_repeat=True)
    require_reversal_answer(reversed_by(asked), REVERSING, SETTINGS)
    other = {**reversed_by(asked), name: "1" * len(asked[name])}
    with pytest.raises(BrokenReplyError, match=f"another field {name}"):
        require_reversal_answer(other, REVERSING, SETTINGS)


def test_a_reversal_may_be_answered_in_few_words_but_not_without_a_code() -> None:
    asked = reversal_message(REVERSING, SETTINGS, is_repeat=False)
    short = {"t": "0430", "11": asked["11"], "37": asked["37"], "39": "00"}
    require_reversal_answer(short, REVERSING, SETTINGS)
    with pytest.raises(BrokenReplyError, match="no response code"):
        require_reversal_answer({**short, "39": "  "}, REVERSING, SETTINGS)
