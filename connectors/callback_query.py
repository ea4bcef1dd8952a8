"""Reading the query or form of a callback, which every provider writes the same way."""

from urllib.parse import parse_qsl

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


def query_fields(query: bytes, *, bytes_max: int, fields_max: int, errors: str = "replace") -> dict[str, str]:
    """The fields of a query or a form, each of which stands at most once.

    `errors` says what is done with percent-encoded bytes that are not UTF-8, as in `bytes.decode`.

    Raises:
        BrokenReplyError: it is too long, malformed, or has too many fields or a field twice.
    """
    if len(query) > bytes_max:
        raise BrokenReplyError("a query that is too long")
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=fields_max, errors=errors
        )
    except ValueError:
        raise BrokenReplyError("no query") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BrokenReplyError("a field that stands twice")
    return fields
