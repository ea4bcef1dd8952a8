"""pacs.009 and the BEFTN batch: order, amounts, control totals, bytes that never change, hostile bytes."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.settlement.instructions import beftn, pacs009
from reconciliation.settlement.instructions.creditor_instructions import Instruction
from reconciliation.settlement.instructions.xml_trees import BYTES_MAX
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, EKSHOP, MON, REGISTRY, TUE, instruction

CREATED = datetime(2026, 4, 5, 19, 30, tzinfo=UTC)
DEBTOR = REGISTRY.debtor
PAIR = [instruction(DESCO, 12_345_605), instruction(BREB, 10_000_000)]
PACS = pacs009.message(PAIR, DEBTOR, CREATED)
EFT = beftn.batch([*PAIR, instruction(EKSHOP, 1_000)], DEBTOR, CREATED)
NS = {"p": pacs009.NAMESPACE}
Checked = Callable[[bytes], object]


def texts(content: bytes, path: str) -> list[str]:
    found: list[str] = etree.fromstring(content).xpath(f"//{path}/text()", namespaces=NS)
    return found


def test_a_message_says_what_is_paid_to_whom() -> None:
    pacs009.check_message(PACS)
    assert texts(PACS, "p:NbOfTxs") == ["2"]
    assert texts(PACS, "p:CtrlSum") == texts(PACS, "p:TtlIntrBkSttlmAmt") == ["223456.05"]
    assert texts(PACS, "p:GrpHdr/p:IntrBkSttlmDt") == ["2026-04-06"]
    assert texts(PACS, "p:CreDtTm") == ["2026-04-05T19:30:00Z"]
    assert texts(PACS, "p:MsgId") == [pacs009.message_id(MON)]
    paid = zip(texts(PACS, "p:EndToEndId"), texts(PACS, "p:IntrBkSttlmAmt"), strict=True)
    assert dict(paid) == {PAIR[0].end_to_end_id: "123456.05", PAIR[1].end_to_end_id: "100000.00"}
    assert set(texts(PACS, "p:CdtrAgt/p:BrnchId/p:Id")) == {"991260012", "992260024"}
    assert "bangladesh palli bidyutayan" in texts(PACS, "p:Cdtr/p:FinInstnId/p:Nm")


def test_a_batch_says_what_is_paid_and_counts_itself() -> None:
    totals = beftn.check_batch(EFT)
    assert totals == beftn.batch_totals([*PAIR, instruction(EKSHOP, 1_000)])
    assert totals == beftn.BatchTotals(3, 6, 22_346_605, 99126001 + 99226002 + 99426004)
    assert set(texts(EFT, "EDR/Amount")) == {"000012345605", "000010000000", "000000001000"}
    assert {len(name) for name in texts(EFT, "IndividualName")} <= set(range(1, 23))
    assert sorted(texts(EFT, "TransactionCode")) == ["22", "22", "32"]
    assert texts(EFT, "TraceNumber") == [f"99026000{number:07d}" for number in (1, 2, 3)]
    assert any(info.endswith("BDT 123456.05") for info in texts(EFT, "PaymentInfo"))
    # 19:30 UTC is the next day in Dhaka.
    assert (texts(EFT, "CreationDate"), texts(EFT, "CreationTime")) == (["260406"], ["0130"])
    assert beftn.file_name(MON, DEBTOR) == "EFT_20260406_990_1990260000_00.XML"


def test_a_hash_total_keeps_its_last_ten_digits() -> None:
    many = [instruction(EKSHOP, 1_000)] * 101
    assert beftn.batch_totals(many).hash_total == 99426004 * 101 - 10**10


@given(st.permutations(PAIR))
def test_the_same_instructions_give_the_same_bytes(turned: list[Instruction]) -> None:
    assert pacs009.message(turned, DEBTOR, CREATED) == PACS
    assert beftn.batch(turned, DEBTOR, CREATED) == beftn.batch(PAIR, DEBTOR, CREATED)


@given(st.lists(st.integers(1, 10**12 - 1), min_size=3, max_size=3))
def test_any_amounts_add_up_in_both_forms(paisa: list[int]) -> None:
    paid = [instruction(party, each) for party, each in zip((DESCO, BREB, EKSHOP), paisa, strict=True)]
    content = pacs009.message(paid, DEBTOR, CREATED)
    pacs009.check_message(content)
    assert sum(Decimal(text) * 100 for text in texts(content, "p:IntrBkSttlmAmt")) == sum(paisa)
    assert beftn.check_batch(beftn.batch(paid, DEBTOR, CREATED)).amount == sum(paisa)


@pytest.mark.parametrize("write", [pacs009.message, beftn.batch])
@pytest.mark.parametrize("chosen", [[], [instruction(DESCO, 1), instruction(BREB, 1, TUE)]])
def test_a_message_is_of_one_value_date(write: Callable[..., bytes], chosen: list[Instruction]) -> None:
    with pytest.raises(ValueError, match="one value date"):
        write(chosen, DEBTOR, CREATED)


@pytest.mark.parametrize(
    ("found", "instead", "refusal"),
    [
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<", ControlTotalError),
        (b"<CtrlSum>223456.05<", b"<CtrlSum>223456.06<", ControlTotalError),
        (b'BDT">223456.05<', b'BDT">223456.04<', ControlTotalError),
        (PAIR[0].end_to_end_id.encode(), PAIR[1].end_to_end_id.encode(), ControlTotalError),
        (b'BDT">100000.00<', b'BDT">100000.0<', UnreadableFileError),
        (b'BDT">100000.00<', b'USD">100000.00<', UnreadableFileError),
        (b'BDT">100000.00<', b'BDT">0.00<', UnreadableFileError),
        (b"<SttlmMtd>CLRG</SttlmMtd>", b"", UnreadableFileError),
        (
            b"<SttlmMtd>CLRG</SttlmMtd>",
            b"<SttlmMtd>CLRG</SttlmMtd><SttlmMtd>CLRG</SttlmMtd>",
            UnreadableFileError,
        ),
        (b"<ClrChanl>RTGS</ClrChanl>", b"<ChrgBr>SHAR</ChrgBr>", UnreadableFileError),
        (b"<NbOfTxs>2</NbOfTxs>", b"<NbOfTxs><A/></NbOfTxs>", UnreadableFileError),
        (b"AAAABDDHXXX", b"AAAABDDHXX", UnreadableFileError),
        (b"<MsgId>EKPAY", b"<MsgId>" + b"E" * 36, UnreadableFileError),
        (b"pacs.009.001.08", b"pacs.009.001.04", UnreadableFileError),
        (b"</Document>", b"", UnreadableFileError),
    ],
)
def test_a_changed_message_is_refused(found: bytes, instead: bytes, refusal: type[Exception]) -> None:
    assert found in PACS
    with pytest.raises(refusal):
        pacs009.check_message(PACS.replace(found, instead))


def test_elements_out_of_order_are_refused() -> None:
    turned = etree.fromstring(PACS)
    header = turned.find(".//{*}GrpHdr")
    header.append(header[0])
    with pytest.raises(UnreadableFileError, match="out of order"):
        pacs009.check_message(etree.tostring(turned))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"<EntryHash>0297778007", b"<EntryHash>0297778008"),
        (b"<EntryAddendaCount>000006<", b"<EntryAddendaCount>000007<"),
        (b"<EntryAddendaCount>00000006<", b"<EntryAddendaCount>00000007<"),
        (b"<Amount>000000001000<", b"<Amount>000000001001<"),
        (b"<TotalDebitAmount>00000000000000000000<", b"<TotalDebitAmount>00000000000000000001<"),
    ],
)
def test_a_batch_whose_totals_do_not_agree_is_refused(found: bytes, instead: bytes) -> None:
    assert found in EFT
    with pytest.raises(ControlTotalError):
        beftn.check_batch(EFT.replace(found, instead, 1))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"<Amount>000000001000<", b"<Amount>10.00<"),
        (b"<Amount>000000001000<", "<Amount>০০১<".encode()),
        (b"<ADR>", b"<XYZ></XYZ><ADR>"),
        (b"EFT>", b"ETF>"),
    ],
)
def test_a_batch_of_another_form_is_refused(found: bytes, instead: bytes) -> None:
    assert found in EFT
    with pytest.raises(UnreadableFileError):
        beftn.check_batch(EFT.replace(found, instead))


@pytest.mark.parametrize("check", [pacs009.check_message, beftn.check_batch])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<",
        b"\xff\xfe<\x00",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>',
        b"<Document/>",
        b"<EFT/>",
        b" " * (BYTES_MAX + 1),
    ],
)
def test_hostile_bytes_are_refused(check: Checked, content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        check(content)
