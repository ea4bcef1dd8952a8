"""`ekpay sandbox cheatsheet`: the numbers, codes, PINs and logins that may be typed in a rehearsal.

The numbers are those of the institutions' own tables, from which their pages show them too; PIN, code and
user are those of the settings that the simulators are started with.
"""

import json
from collections.abc import Iterator
from typing import Annotated, TypedDict

import typer
from pydantic import SecretStr

from sandbox.billers.breb.bills import FIRST_NORMAL_ACCOUNT as FIRST_BREB_ACCOUNT
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.desco.bills import ACCOUNT_LENGTH, FIRST_NORMAL_ACCOUNT, DescoAccountKind
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.nesco.customers import CUSTOMER_LENGTH, FIRST_NORMAL_CUSTOMER, CustomerKind
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.kit.biller.accounts import MAGIC_RANGE_LENGTH
from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.institution import REHEARSAL
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.settings import InstitutionSettings
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.messaging.faults import MAGIC_NUMBERS
from sandbox.messaging.settings import SmsSettings
from sandbox.providers.bkash.numbers_to_try import wallet_rows
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES

BKASH = "bkash"


class TrialNumber(TypedDict):
    """A number to type: the name of its kind, the first one of it, and what comes of it."""

    kind: str
    number: str
    meaning: str


class ProviderTrial(TypedDict):
    """What to type at the page of one provider; `own` are the numbers that its family alone has."""

    id: str
    name: str
    payer: str
    number: str
    otp: str
    pin: str
    own: list[TrialNumber]


class BillerTrial(TypedDict):
    """The accounts of one biller: the first normal one, and the others by what they are for."""

    id: str
    account: str
    magic: dict[str, str]


class LoginTrial(TypedDict):
    """How a simulator lets a caller in that was started alone, by `ekpay sandbox serve`.

    Of the SMS gateway they are the sender's name and the token.
    """

    of: str
    user: str
    password: str


class Cheatsheet(TypedDict):
    """Everything; `magic` holds the numbers that all providers of one kind of payer share.

    `messages` are the numbers whose text messages go wrong.
    """

    providers: list[ProviderTrial]
    magic: dict[str, list[TrialNumber]]
    billers: list[BillerTrial]
    messages: list[TrialNumber]
    logins: list[LoginTrial]


def cheatsheet(
    *, as_json: Annotated[bool, typer.Option("--json", help="For programs, with every number.")] = False
) -> None:
    """Print what may be typed in a rehearsal: numbers, codes, PINs, accounts and logins."""
    sheet = build_cheatsheet()
    if as_json:
        typer.echo(json.dumps(sheet, indent=2, ensure_ascii=False))
        return
    parts = (short_lines, _magic_lines, _account_lines, _message_lines, _login_lines)
    typer.echo("\n\n".join("\n".join(lines(sheet)) for lines in parts))


def build_cheatsheet() -> Cheatsheet:
    """Collect it from the tables of the institutions and their settings."""
    return Cheatsheet(
        providers=[_bkash(), *_providers()],
        magic={kind.value: _rows(Payers(kind, 1)) for kind in PayerKind},
        billers=[*_single_billers(), *_family_billers()],
        messages=[
            TrialNumber(kind=magic.fault.value, number=magic.msisdn, meaning=magic.meaning)
            for magic in MAGIC_NUMBERS
        ],
        logins=_logins(),
    )


def short_lines(sheet: Cheatsheet) -> list[str]:
    """Return the few lines that `ekpay run` prints: what pays at every provider's page."""
    pins = {(entry["otp"], entry["pin"]) for entry in sheet["providers"]}
    codes = ", or ".join(f"code {otp}, PIN {pin}" for otp, pin in sorted(pins))
    first = {entry["payer"]: entry["number"] for entry in reversed(sheet["providers"])}
    numbers = ", ".join(f"{payer} {number}" for payer, number in first.items())
    return [
        f"At the provider's page: {codes};",
        f"  {numbers}",
        "  `ekpay sandbox cheatsheet` lists the numbers and accounts that something goes wrong with.",
    ]


def _bkash() -> ProviderTrial:
    settings, rows = BkashSettings(), [TrialNumber(kind=k, number=n, meaning=m) for k, n, m in wallet_rows()]
    return ProviderTrial(
        id=BKASH,
        name="bKash",
        payer=PayerKind.WALLET.value,
        number=rows[0]["number"],
        otp=settings.otp,
        pin=settings.pin,
        own=rows[1:],
    )


def _providers() -> Iterator[ProviderTrial]:
    settings = ProviderSettings()
    for family in PROVIDER_FAMILIES.values():
        shared = {row["kind"] for row in _rows(Payers(PayerKind.WALLET, 1))}
        for institution in family.institutions:
            payers = Payers(institution.kind, 1, family.own_kinds)
            yield ProviderTrial(
                id=institution.id,
                name=institution.name.english,
                payer=institution.kind.value,
                number=_rows(payers)[0]["number"],
                otp=settings.otp,
                pin=settings.pin,
                own=[row for row in _rows(payers) if row["kind"] not in shared],
            )


def _rows(payers: Payers) -> list[TrialNumber]:
    return [
        TrialNumber(kind=row.name, number=payers.number_of(row.name) or "", meaning=row.meaning)
        for row in payers.rows()
    ]


def _single_billers() -> list[BillerTrial]:
    desco = {kind.name.lower(): f"{kind.value}".ljust(ACCOUNT_LENGTH, "0") for kind in DescoAccountKind}
    nesco = {kind.name.lower(): f"{kind.value}".ljust(CUSTOMER_LENGTH, "0") for kind in CustomerKind}
    for accounts in (desco, nesco):
        accounts.pop("normal")
    return [
        BillerTrial(id="desco_postpaid", account=str(FIRST_NORMAL_ACCOUNT), magic=desco),
        BillerTrial(id="breb_postpaid", account=str(FIRST_BREB_ACCOUNT), magic={}),
        BillerTrial(id="nesco_prepaid", account=str(FIRST_NORMAL_CUSTOMER), magic=nesco),
    ]


def _family_billers() -> Iterator[BillerTrial]:
    kinds = [kind for kind in BillerAccountKind if kind is not BillerAccountKind.NORMAL]
    for family in BILLER_FAMILIES.values():
        for institution in family.institutions:
            if institution.id == REHEARSAL:
                continue
            # The first serial of the unknown ones may be the last normal one.
            serials = {kind: kind.value * MAGIC_RANGE_LENGTH for kind in kinds}
            serials[BillerAccountKind.UNKNOWN] += 1
            magic = {kind.name.lower(): institution.number_of(serial) for kind, serial in serials.items()}
            yield BillerTrial(id=institution.id, account=institution.number_of(1), magic=magic)


def _logins() -> list[LoginTrial]:
    by_name: dict[str, type[InstitutionSettings]] = {
        "DESCO": DescoSettings,
        "BREB": BrebSettings,
        "NESCO": NescoSettings,
        "the families of billers": BillerSettings,
        "bKash": BkashSettings,
        "the families of providers": ProviderSettings,
    }
    logins = [_default_login(name, settings_type) for name, settings_type in by_name.items()]
    sms = SmsSettings.model_fields
    token: SecretStr = sms["api_token"].default
    gateway = LoginTrial(
        of="the SMS gateway: sid, api_token", user=sms["sender_id"].default, password=token.get_secret_value()
    )
    return [*logins, gateway]


def _default_login(name: str, settings_type: type[InstitutionSettings]) -> LoginTrial:
    # Never what the environment holds: a switch reads its logins from the same variables.
    fields = settings_type.model_fields
    password: SecretStr = fields["password"].default
    return LoginTrial(of=name, user=fields["user"].default, password=password.get_secret_value())


def _magic_lines(sheet: Cheatsheet) -> Iterator[str]:
    yield "Numbers at every provider but bKash (wallet, card, account):"
    by_kind = (sheet["magic"][kind.value] for kind in PayerKind)
    for wallet, card, account in zip(*by_kind, strict=True):
        yield f"  {wallet['number']}  {card['number']}  {account['number']}  {wallet['meaning']}"
    for entry in sheet["providers"]:
        if entry["own"]:
            yield f"Only at {entry['name']} ({entry['id']}):"
            yield from (f"  {row['number']:<16}  {row['meaning']}" for row in entry["own"])


def _account_lines(sheet: Cheatsheet) -> Iterator[str]:
    yield "Accounts with a bill, by biller; `ekpay billers show ID` names all that a bill needs:"
    for entry in sheet["billers"]:
        yield f"  {entry['account']:<20} {entry['id']}"
    yield "Accounts that something goes wrong with (the others: --json):"
    for entry in sheet["billers"][:4]:
        for kind, account in entry["magic"].items():
            yield f"  {account:<20} {entry['id']}: {kind.replace('_', ' ')}"


def _message_lines(sheet: Cheatsheet) -> Iterator[str]:
    yield "Numbers whose text messages go wrong; all others arrive in the inbox of the SMS gateway:"
    yield from (f"  {row['number']}  {row['meaning']}" for row in sheet["messages"])


def _login_lines(sheet: Cheatsheet) -> Iterator[str]:
    yield "Logins of simulators that `ekpay sandbox serve` has started (user, password):"
    for login in sheet["logins"]:
        yield f"  {login['user']}, {login['password']:<18} {login['of']}"
    yield "Those of `ekpay run` are its own, in sandbox/logins.json of EKPAY_HOME;"
    yield "its staff and partners are in sandbox/partners.json, its shop in sandbox/shop.json."
