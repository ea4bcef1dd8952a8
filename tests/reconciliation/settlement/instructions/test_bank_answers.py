"""A bank's answer is taken whole or refused: no answer of it is lost, and no text is cut."""

import pytest

from reconciliation.errors import UnreadableFileError
from reconciliation.settlement.instructions.bank_answers import AnswerKind, parse_report

_HEAD = '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
_GROUP = "<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId></OrgnlGrpInfAndSts>"
_ANSWER = "<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts></TxInfAndSts>"


def report(*parts: str) -> bytes:
    return f"{_HEAD}\n{_GROUP}\n{''.join(parts)}</FIToFIPmtStsRpt></Document>".encode()


def test_every_answer_is_read() -> None:
    (answer,) = parse_report(report(_ANSWER))
    assert (answer.message_id, answer.end_to_end_id, answer.kind) == ("M1", "E1", AnswerKind.REJECTED)


def test_an_answer_that_names_no_instruction_is_refused_with_its_line() -> None:
    nameless = "<TxInfAndSts><StsId>1</StsId><TxSts>RJCT</TxSts></TxInfAndSts>"
    with pytest.raises(UnreadableFileError, match="line 3, column TxInfAndSts: an answer that names no"):
        parse_report(report(_ANSWER, nameless))


def test_an_answer_beside_the_report_is_refused() -> None:
    beside = report(_ANSWER).replace(b"</FIToFIPmtStsRpt>", b"</FIToFIPmtStsRpt>" + _ANSWER.encode())
    with pytest.raises(UnreadableFileError, match="line 3, column TxInfAndSts: an answer outside the report"):
        parse_report(beside)


def test_a_message_has_one_report() -> None:
    report_twice = report(_ANSWER).replace(b"</FIToFIPmtStsRpt>", b"</FIToFIPmtStsRpt><FIToFIPmtStsRpt/>")
    with pytest.raises(UnreadableFileError, match="2 status reports in the message"):
        parse_report(report_twice)


def test_a_name_is_not_read_up_to_an_element_inside_it() -> None:
    with pytest.raises(UnreadableFileError, match="line 3, column OrgnlEndToEndId: text and elements"):
        parse_report(report(_ANSWER.replace("E1<", "E1<x/>23<")))
    (answer,) = parse_report(report(_ANSWER.replace("E1<", "E1<!-- x -->23<")))
    assert answer.end_to_end_id == "E123"
