"""Reading what settlement files have stated, with a lease; `collections.file_evidence` writes it.

The answers are rows of `evidence` whose kind begins with `file:`. Those of a refund have its id as their
attempt id, like its late answers.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from ekpay_switch.domain.collections.file_proofs import NO_FILES, FileStatements
from ekpay_switch.ports.finance import FileSays

COUNTED = "file:"
_IS_COUNTED = f"starts_with(e.kind, '{COUNTED}')"
# One JSON value: the answers in the order in which they came, and whether one came after `since`. `payment`,
# `attempt` and `since` are expressions of the enclosing query.
FILE_STATEMENTS = f"""
(SELECT jsonb_build_object(
    'answers', coalesce(jsonb_agg(e.facts ORDER BY e.id) FILTER (WHERE {_IS_COUNTED}), '[]'),
    'is_news', coalesce(max(e.at) FILTER (WHERE {_IS_COUNTED}) > {{since}}, false))
  FROM evidence AS e WHERE e.payment_id = {{payment}} AND e.attempt_id = {{attempt}})
"""  # noqa: S608 - constants
# The time of the last inquiry, where no column has it: each inquiry left a row.
LAST_ASKED = "coalesce(max(e.at) FILTER (WHERE e.kind = 'inquiry'), '-infinity')"


def file_statements_of(value: Any) -> FileStatements:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    """The value of FILE_STATEMENTS as the domain sees it."""
    document: Mapping[str, Any] = orjson.loads(value) if isinstance(value, str) else value
    answers: list[Mapping[str, str]] = document["answers"]
    if not answers:
        return NO_FILES
    done = [answer for answer in answers if answer["says"] == FileSays.SUCCESS]
    return FileStatements(
        amounts=frozenset(int(answer["amount"]) for answer in done),
        failed_on=_nights(answers, FileSays.FAILED),
        absent_on=_nights(answers, FileSays.ABSENT),
        their_reference=done[-1]["their_reference"] if done else "",
        is_news=document["is_news"],
    )


def _nights(answers: list[Mapping[str, str]], says: FileSays) -> frozenset[date]:
    return frozenset(date.fromisoformat(answer["night"]) for answer in answers if answer["says"] == says)
