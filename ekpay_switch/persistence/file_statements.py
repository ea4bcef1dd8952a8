"""What settlement files have said, as it is read with a lease; `file_evidence` writes it.

The answers are rows of `evidence` whose kind begins with `file:`. A refund's stand under its own id in the
place of an attempt's, like its late answers.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from ekpay_switch.domain.collections.file_proofs import NO_FILES, FilesSaid
from ekpay_switch.ports.finance import FileSays

COUNTED = "file:"
_IS_COUNTED = f"starts_with(e.kind, '{COUNTED}')"
# One JSON value: the answers in the order in which they came, and whether one came after `since`. `payment`,
# `attempt` and `since` are expressions of the query around it.
FILES_SAID = f"""
(SELECT jsonb_build_object(
    'answers', coalesce(jsonb_agg(e.facts ORDER BY e.id) FILTER (WHERE {_IS_COUNTED}), '[]'),
    'is_news', coalesce(max(e.at) FILTER (WHERE {_IS_COUNTED}) > {{since}}, false))
  FROM evidence AS e WHERE e.payment_id = {{payment}} AND e.attempt_id = {{attempt}})
"""  # noqa: S608 - constants
# Where the time of the last question is not kept elsewhere: each has left a row.
LAST_ASKED = "coalesce(max(e.at) FILTER (WHERE e.kind = 'inquiry'), '-infinity')"


def files_said(value: Any) -> FilesSaid:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    """The value of FILES_SAID as the domain sees it."""
    said: Mapping[str, Any] = orjson.loads(value) if isinstance(value, str) else value
    answers: list[Mapping[str, str]] = said["answers"]
    if not answers:
        return NO_FILES
    done = [answer for answer in answers if answer["says"] == FileSays.SUCCESS]
    return FilesSaid(
        amounts=frozenset(int(answer["amount"]) for answer in done),
        failed_on=_nights(answers, FileSays.FAILED),
        absent_on=_nights(answers, FileSays.ABSENT),
        their_reference=done[-1]["their_reference"] if done else "",
        is_news=said["is_news"],
    )


def _nights(answers: list[Mapping[str, str]], says: FileSays) -> frozenset[date]:
    return frozenset(date.fromisoformat(answer["night"]) for answer in answers if answer["says"] == says)
