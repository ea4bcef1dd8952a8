"""A bank's answer to a message: pain.002 or pacs.002, every version, as one value for each instruction.

An answer with an unknown code is `UNKNOWN` and not an error; only bytes that are no such message are refused,
and a message with an answer that names no instruction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from reconciliation.errors import UnreadableFileError
from reconciliation.settlement.instructions.xml_trees import local_name, text_at, tree_of

_ROOTS: Final = ("CstmrPmtStsRpt", "FIToFIPmtStsRpt")
_GROUPS: Final = ("OrgnlGrpInfAndSts",)
_ANSWER: Final = "TxInfAndSts"


class AnswerKind(StrEnum):
    """The kind of a bank's answer. Acceptance is no proof of settlement; the statement is."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PENDING = "pending"
    UNKNOWN = "unknown"


_CODES: Final = {
    "ACCP": AnswerKind.ACCEPTED,
    "ACCC": AnswerKind.ACCEPTED,
    "ACSC": AnswerKind.ACCEPTED,
    "ACSP": AnswerKind.ACCEPTED,
    "ACTC": AnswerKind.PENDING,
    "ACWC": AnswerKind.ACCEPTED,
    "ACWP": AnswerKind.PENDING,
    "ACFC": AnswerKind.PENDING,
    "RCVD": AnswerKind.PENDING,
    "PDNG": AnswerKind.PENDING,
    "PART": AnswerKind.PENDING,
    "RJCT": AnswerKind.REJECTED,
}


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """One answer; without an end-to-end id it is about the whole message named."""

    message_id: str
    end_to_end_id: str
    kind: AnswerKind
    reason: str = ""


def parse_report(content: bytes) -> tuple[BankAnswer, ...]:
    """Every answer of a status report, in its order; a state of the whole group comes first.

    Raises:
        UnreadableFileError: it is no status report, or one with an answer that would be lost.
    """
    root = tree_of(content)
    reports = [child for child in root if local_name(child) in _ROOTS]
    if len(reports) != 1:
        counted = f"{len(reports)} status reports" if reports else "no status report"
        raise UnreadableFileError(f"{counted} in the message")
    for element in root.iter(f"{{*}}{_ANSWER}"):
        if reports[0] not in element.iterancestors():
            raise UnreadableFileError("an answer outside the report", element.sourceline, _ANSWER)
    return tuple(_answers(reports[0]))


def _answers(report: etree._Element) -> Iterator[BankAnswer]:
    message_id = next(
        (text_at(element, "OrgnlMsgId") for element in report if local_name(element) in _GROUPS), ""
    )
    for element in report:
        if local_name(element) in _GROUPS and text_at(element, "GrpSts"):
            yield BankAnswer(
                text_at(element, "OrgnlMsgId"), "", _kind_of(text_at(element, "GrpSts")), _reason(element)
            )
    for element in report.iter(f"{{*}}{_ANSWER}"):
        message_name = text_at(element, "OrgnlGrpInf/OrgnlMsgId") or message_id
        name = (
            text_at(element, "OrgnlEndToEndId")
            or text_at(element, "OrgnlTxId")
            or text_at(element, "OrgnlInstrId")
        )
        if not name:
            raise UnreadableFileError("an answer that names no instruction", element.sourceline, _ANSWER)
        yield BankAnswer(message_name, name, _kind_of(text_at(element, "TxSts")), _reason(element))


def _kind_of(code: str) -> AnswerKind:
    return _CODES.get(code, AnswerKind.UNKNOWN)


def _reason(element: etree._Element) -> str:
    for path in ("StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry", "StsRsnInf/AddtlInf"):
        text = text_at(element, path)
        if text:
            return text
    return ""
