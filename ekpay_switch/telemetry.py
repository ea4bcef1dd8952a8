"""Logs and metrics: one JSON line per event on stderr, and the numbers of /metrics.

A log line holds only the fields listed here, each in the form that its kind allows. A field that is not on
the list is dropped and its name noted, so that no value leaks by being passed along
(api-conventions-and-security.md, T95 and T96). Neither logging nor counting raises for any value.
"""

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import orjson
import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from structlog.types import EventDict, FilteringBoundLogger, WrappedLogger

from ekpay_switch.security.card_numbers import mask_card_numbers
from ekpay_switch.security.masking import mask_account, mask_long_numbers, printable

# ---- log lines -------------------------------------------------------------------------------------------

VALUE_LENGTH_MAX = 256
_INTEGER_BITS_MAX = 63

# Made by us: numbers, identifiers, words of the glossary.
_OWN_FIELDS = """
    address api approved_by asked asked_by attempt_id attempt_reference batch_size biller_id bucket
    business_date code committers connector_id count currency delay_seconds duration_ms ekpay_id
    endpoint_id entry_id epoch error event far_side from_state generation home host http_method
    http_status is_replay job kind lane lanes lease_until leg logger message_id moment name next_action_at
    notice notification_id oldest open operation outcome overdue owner paisa partner_id payment_event
    payment_id pid plugin port queue_depth refund_id refusal role route seconds sends server staff state step
    subject time_divisor to_state tries version waiting
"""
# Free text of far sides: any long number in it may be an account.
_FREE_TEXT_FIELDS = "reason"
# References that others gave their requests; only what may be a card number is hidden.
_FOREIGN_ID_FIELDS = (
    "far_side_reference login_name message ref_id reference refno_ack request_id trx_id user_agent user_id"
)
# Shown by their last characters alone.
_ACCOUNT_FIELDS = "account bill_no meter_no mobile"


def _unchanged(text: str) -> str:
    return text


_FIELDS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        **dict.fromkeys(_OWN_FIELDS.split(), _unchanged),
        **dict.fromkeys(_FREE_TEXT_FIELDS.split(), mask_long_numbers),
        **dict.fromkeys(_FOREIGN_ID_FIELDS.split(), mask_card_numbers),
        **dict.fromkeys(_ACCOUNT_FIELDS.split(), mask_account),
    }
)


def _shorten(text: str) -> str:
    """One line of at most 256 characters."""
    if len(text) > VALUE_LENGTH_MAX:
        text = text[: VALUE_LENGTH_MAX - 1] + "…"
    return printable(text)[:VALUE_LENGTH_MAX]


def _error_location(error: BaseException) -> str:
    """The error's class and the line that raised it, not its text: that may quote what a partner sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = type(error).__name__
    return f"{name} at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else name


def _text_of(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case str():
            # Cut before anything searches in it: a megabyte is not worth a regular expression.
            return value[: VALUE_LENGTH_MAX * 2]
        case int() | UUID() | date():
            return str(value)
        case BaseException():
            return _error_location(value)
        case _:
            # The text form of an unknown object may hold anything.
            return type(value).__name__


def _safe_value(mask: Callable[[str], str], value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | float):
        return value
    if mask is _unchanged:
        # Nearly every field of a payment's lines: nothing in these has to be looked for or cut.
        if isinstance(value, Enum):
            value = value.value
        if type(value) is UUID or (
            type(value) is str and len(value) <= VALUE_LENGTH_MAX and value.isprintable()
        ):
            return str(value)
        if type(value) is int and value.bit_length() <= _INTEGER_BITS_MAX:
            return value
    return _shorten(mask(_text_of(value)))


class _LogStream:
    """Writes lines to the stderr of the moment, so that a replaced stderr gets them."""

    def __init__(self) -> None:
        self.process = "ekpay"

    def msg(self, line: bytes) -> None:
        # A closed pipe must cost the line, never the payment that it is about.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.buffer.write(line + b"\n")
            sys.stderr.buffer.flush()

    info = warning = error = msg


_LOG_STREAM = _LogStream()


def _build_line(_: WrappedLogger, level: str, fields: EventDict) -> EventDict:
    line: EventDict = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "process": _LOG_STREAM.process,
        "event": None,  # its place in the line; it comes with the fields
    }
    dropped = []
    for name, value in fields.items():
        mask = _FIELDS.get(name)
        if mask is None:
            dropped.append(_shorten(name))
        else:
            line[name] = _safe_value(mask, value)
    if dropped:
        line["dropped"] = ",".join(sorted(dropped))
    return line


def _encode(_: WrappedLogger, __: str, line: EventDict) -> bytes:
    return orjson.dumps(line)


_LOGGER: FilteringBoundLogger = structlog.wrap_logger(
    _LOG_STREAM,
    processors=[_build_line, _encode],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
).bind()


def log(event: str, **fields: object) -> None:
    """Write one line about an expected event; `event` is a past fact, for example `payment_claimed`."""
    _LOGGER.info(event, **fields)


def log_warning(event: str, **fields: object) -> None:
    """Write one line about a problem that the switch handles and an operator should know of."""
    _LOGGER.warning(event, **fields)


def log_error(event: str, **fields: object) -> None:
    """Write one line about something that needs a person; pass the exception as `error`."""
    _LOGGER.error(event, **fields)


class _LibraryLogHandler(logging.Handler):
    """Logs what libraries log, in our format: the template of a message without its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        write = log_error if record.levelno >= logging.ERROR else log_warning
        error = record.exc_info[1] if record.exc_info else None
        lines = str(record.msg).strip().splitlines() or [""]
        # A start that failed reaches us as the text of a traceback: its last line says why.
        reason = lines[-1] if lines[0].startswith("Traceback") else lines[0]
        write("library_spoke", logger=record.name, reason=reason, **({"error": error} if error else {}))


def configure(process: str) -> None:
    """Name this process in its lines, and take over the warnings that libraries log."""
    _LOG_STREAM.process = process
    logging.basicConfig(handlers=[_LibraryLogHandler()], level=logging.WARNING, force=True)


# ---- numbers ---------------------------------------------------------------------------------------------

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST
_REGISTRY = CollectorRegistry(auto_describe=False)
# For modules that declare numbers of their own.
REGISTRY = _REGISTRY
_WIRE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BATCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

ProcessCollector(namespace="ekpay", registry=_REGISTRY)

PAYMENTS = Counter(
    "ekpay_payments", "Payments by what their pay call led to", ["outcome"], registry=_REGISTRY
)
LATE_SUCCESSES = Counter(
    "ekpay_late_successes", "Payments that a biller posted after we had given back", registry=_REGISTRY
)
HTTP_REQUESTS = Counter(
    "ekpay_http_requests",
    "Requests answered, by route template and status",
    ["route", "status"],
    registry=_REGISTRY,
)
HTTP_SECONDS = Histogram(
    "ekpay_http_seconds", "Time from a request's last byte to its answer", ["route"], registry=_REGISTRY
)
WIRE_CALLS = Counter(
    "ekpay_wire_calls",
    "Calls of far sides, by the four outcomes",
    ["far_side", "outcome"],
    registry=_REGISTRY,
)
WIRE_SECONDS = Histogram(
    "ekpay_wire_seconds",
    "Duration of calls of far sides",
    ["far_side"],
    buckets=_WIRE_BUCKETS,
    registry=_REGISTRY,
)
BATCH_SIZE = Histogram(
    "ekpay_batch_size", "Steps written by one group commit", buckets=_BATCH_SIZES, registry=_REGISTRY
)
BATCH_SECONDS = Histogram(
    "ekpay_batch_seconds", "Duration of one group commit", buckets=_BATCH_BUCKETS, registry=_REGISTRY
)
BATCH_REPEATS = Counter(
    "ekpay_batch_repeats", "Batches written again, by reason", ["reason"], registry=_REGISTRY
)
QUEUE_DEPTH = Gauge("ekpay_queue_depth", "Steps waiting for a group commit", registry=_REGISTRY)
QUEUE_REFUSALS = Counter(
    "ekpay_queue_refusals", "Steps refused because the queue was full", registry=_REGISTRY
)
OPEN_ALARMS = Gauge(
    "ekpay_alarms_open",
    "Alarms that are open, by kind and whether they are due",
    ["kind", "age"],
    registry=_REGISTRY,
)
OPEN_PAYMENTS = Gauge(
    "ekpay_open_payments", "Payments that are not final, counted by SQL", ["state"], registry=_REGISTRY
)
STUCK_PAYMENTS = Gauge(
    "ekpay_stuck_payments", "Payments whose next action is overdue, counted by SQL", registry=_REGISTRY
)
OLDEST_OPEN_SECONDS = Gauge(
    "ekpay_oldest_open_seconds", "Age of the oldest payment that is not final", registry=_REGISTRY
)
WAITING_NOTIFICATIONS = Gauge(
    "ekpay_waiting_notifications", "Notifications nobody has delivered, counted by SQL", registry=_REGISTRY
)
DEPOSIT_PAISA = Gauge(
    "ekpay_deposit_paisa", "What we keep at a prefunded utility", ["biller_id"], registry=_REGISTRY
)
DEPOSIT_LOW = Gauge(
    "ekpay_deposit_low",
    "1 where a utility's deposit is below what lately was vended",
    ["biller_id"],
    registry=_REGISTRY,
)
WAITING_DELIVERIES = Gauge(
    "ekpay_waiting_deliveries",
    "Notifications still to be taken, once per endpoint, counted by SQL",
    registry=_REGISTRY,
)
NOTIFICATION_TRIES = Counter(
    "ekpay_notification_tries",
    "Tries to notify an endpoint, by what they led to",
    ["outcome"],
    registry=_REGISTRY,
)
TEXT_MESSAGES = Counter(
    "ekpay_text_messages",
    "Tries to send a text message, by what became of it",
    ["outcome"],
    registry=_REGISTRY,
)
REMINDERS = Counter(
    "ekpay_bill_reminders",
    "Saved bills asked about for a reminder, by what came of it",
    ["outcome"],
    registry=_REGISTRY,
)
TEXT_MESSAGES_REFUSED = Counter(
    "ekpay_text_messages_refused",
    "Requests for a text message beyond a limit, by the limit",
    ["limit"],
    registry=_REGISTRY,
)
INQUIRIES = Counter(
    "ekpay_questions",
    "Inquiries about payments in doubt, by answer",
    ["far_side", "answer"],
    registry=_REGISTRY,
)
HOST_LINK_UP = Gauge(
    "ekpay_host_link_up", "1 where this process keeps a signed-on link", ["connector_id"], registry=_REGISTRY
)
HOST_SIGN_ONS = Counter(
    "ekpay_host_sign_ons", "Sign-ons to hosts, by outcome", ["connector_id", "outcome"], registry=_REGISTRY
)
OPEN_REVERSALS = Gauge(
    "ekpay_open_reversals",
    "Requests whose taking back no host has confirmed, counted by SQL",
    ["connector_id"],
    registry=_REGISTRY,
)
ROUTED_TRIES = Counter(
    "ekpay_routed",
    "Tries begun, by connector and by how it was chosen",
    ["connector_id", "approach"],
    registry=_REGISTRY,
)
BREAKER_OPEN = Gauge(
    "ekpay_breaker_open",
    "A connector's shared breaker, read by SQL: 0 closed, 0.5 half open, 1 open",
    ["connector_id"],
    registry=_REGISTRY,
)
WORKER_SILENT_SECONDS = Gauge(
    "ekpay_worker_silent_seconds", "Seconds since a worker did its rounds, read by SQL", registry=_REGISTRY
)
DATABASE_UP = Gauge(
    "ekpay_database_up", "1 where the numbers counted by SQL are those of this moment", registry=_REGISTRY
)
LOOP_ERRORS = Counter(
    "ekpay_loop_errors",
    "Errors in loops that go on and try again, by the event of their log line",
    ["event"],
    registry=_REGISTRY,
)


def count_error(event: str, **fields: object) -> None:
    """Count and log an error after which a loop goes on; pass the exception as `error`."""
    LOOP_ERRORS.labels(event).inc()
    log_error(event, **fields)


_COUNTED_BY_SQL = (
    STUCK_PAYMENTS,
    OLDEST_OPEN_SECONDS,
    WAITING_NOTIFICATIONS,
    WAITING_DELIVERIES,
    WORKER_SILENT_SECONDS,
)
_COUNTED_BY_LABEL = (OPEN_PAYMENTS, OPEN_ALARMS, OPEN_REVERSALS, BREAKER_OPEN, DEPOSIT_PAISA, DEPOSIT_LOW)


def forget_counted() -> None:
    """Drop every number that SQL counts: what is not counted is NaN or absent, never 0."""
    DATABASE_UP.set(0)
    for gauge in _COUNTED_BY_SQL:
        gauge.set(math.nan)
    for gauge in _COUNTED_BY_LABEL:
        gauge.clear()


forget_counted()


def render() -> bytes:
    """All numbers of this process in Prometheus' text form, to be served as METRICS_CONTENT_TYPE."""
    return generate_latest(_REGISTRY)
