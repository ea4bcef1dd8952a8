"""Checks of a field map against its manifest, made when the manifest is read."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from connectors.families.token_init_status.dialect import Dialect, Sends
from connectors.families.token_init_status.writing import PATH_PARAMETER
from connectors.manifest import Manifest
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError

_OF_A_PAYMENT = frozenset({"reference", "provider_reference"})
_OF_A_REFUND = _OF_A_PAYMENT | {"provider_transaction", "refund_reference"}
_OF_A_CALL = frozenset({"token", "today"})
# The values that each call has, by the names of `Source`.
_KNOWN: Mapping[str, AbstractSet[str]] = MappingProxyType(
    {
        "login": frozenset(),
        "init": _OF_A_CALL
        | {"reference", "amount", "currency", "payer_reference", "return_url", "notify_url", "payee"},
        "status": _OF_A_CALL | _OF_A_PAYMENT,
        "refund": _OF_A_CALL | _OF_A_REFUND | {"amount", "currency", "reason"},
        "refund_status": _OF_A_CALL | _OF_A_REFUND,
    }
)


def dialect_of(manifest: Manifest) -> Dialect:
    """The manifest's field map, checked against its other sections.

    Raises:
        ManifestError: an operation is missing, a setting is unknown or malformed, or the map and the other
            sections contradict each other.
    """
    operations = {"login", "init", "status"}
    if manifest.refunds:
        operations |= {"refund", "refund_status"} if manifest.refunds.can_be_asked else {"refund"}
    dialect = settings_of(manifest, Dialect, operations)
    fault = next(_faults(manifest, dialect), "")
    if fault:
        raise ManifestError(f"{manifest.id}: {fault}")
    return dialect


def _faults(manifest: Manifest, dialect: Dialect) -> Iterator[str]:
    sends = dict(dialect.sends())
    if manifest.operations.keys() != sends.keys():
        yield "the field map and the operations are not about the same calls"
    if manifest.executes:
        yield "this family executes nothing: executes must be false"
    if not manifest.safety.echoes_amount:
        yield "an answer to a question tells the amount: echoes_amount must be true"
    for operation, members in sends.items():
        yield from _faults_of_sends(manifest, dialect, operation, members)
    if {member.secret for members in sends.values() for member in members.values()} - {
        None
    } != manifest.secrets.keys():
        yield "secrets must be those that the field map sends"
    url_name = dialect.init.url_from_login
    if url_name and url_name not in dialect.login.reads.keeps:
        yield "url_from_login is nothing that the login keeps"
    yield from _faults_of_page(manifest, dialect)
    yield from _faults_of_refunds(dialect)


def _faults_of_page(manifest: Manifest, dialect: Dialect) -> Iterator[str]:
    page = manifest.payer_page
    sent = [name for name, member in dialect.init.sends.items() if member.source == "payee"]
    if sent != ([page.payee.member] if page.payee else []):
        yield "payer_page.payee.member must be the member that init sends from payee, where there is one"
    if page.payee and not page.payee.unknown:
        yield "payer_page.payee.unknown must say what is sent where no payee is known"
    if page.language:
        yield "payer_page.language is not sent in this family"


def _faults_of_sends(manifest: Manifest, dialect: Dialect, operation: str, sends: Sends) -> Iterator[str]:
    call = manifest.operations[operation]
    sources = {member.source for member in sends.values() if member.source}
    if (
        not sources <= _KNOWN[operation]
        or not set(PATH_PARAMETER.findall(call.path)) <= _KNOWN[operation] & _OF_A_REFUND
    ):
        yield f"{operation} speaks of what it does not know"
    if not {member.login for member in sends.values() if member.login} <= dialect.login.reads.keeps.keys():
        yield f"{operation} sends what the login does not keep"
    if operation == "login" and any(member.login for member in sends.values()):
        yield "a login cannot send values of its own answer"
    if call.method == "GET" and sends:
        yield f"{operation} is a GET and has no body"


def _faults_of_refunds(dialect: Dialect) -> Iterator[str]:
    inquiry, refund = dialect.refund_status, dialect.refund
    if inquiry and not (inquiry.reads.rows and inquiry.reads.refund_reference):
        yield "refunds that are asked for come as rows with our reference of each"
    if refund and refund.reads.rows and not refund.reads.reference:
        yield "a list of refunds must name the payment of each"
