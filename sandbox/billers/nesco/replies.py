"""NESCO's envelope and codes."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, html_page, json_reply

SUCCESS = "0"


def result(
    code: str, text: str, data: Mapping[str, object] | None = None, *, is_number: bool = False
) -> Reply:
    """Return an answer under HTTP 200; an old head-end writes the code as a number."""
    written: str | int = int(code) if is_number else code
    return json_reply({"resultcode": written, "resultdesc": text, "data": data}, code=code)


def _error(status: int, message: str) -> Reply:
    answer = {"resultcode": str(status), "resultdesc": message, "data": None}
    return json_reply(answer, code=status, status=status)


ERRORS = Errors(_error)

REFUSALS: Mapping[str, str] = {
    "404": "no such customer",
    "10001": "not found",
    "10009": "nothing was vended",
    "10011": "nothing was vended, and the quote has expired",
    "10012": "the head-end did not answer in time",
    "10020": "the quote has expired",
    "10021": "refused",
    "10022": "the vend limit of this meter is reached",
    "10113": "the head-end is busy",
    "10115": "the token is being made",
}
"""Every code that brings no data, with its text."""

HTML_PAGE = html_page("NESCO")
