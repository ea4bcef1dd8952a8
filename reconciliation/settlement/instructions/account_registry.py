"""The accounts that we may pay, from config/settlement.toml: registered accounts, rails, their bounds.

Nothing is ever instructed to an account that is not registered.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.calendar import FileTimes
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.latin_names import transliterate
from reconciliation.settlement.instructions.toml_values import Paisa, StrictRow
from reconciliation.settlement.instructions.withholding_rows import (
    TaxpayerRow,
    WithholdingRow,
    refuse_doubled_rows,
    withholding_rules,
)
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.deposit_terms import USUAL_TERMS, DepositTerms
from reconciliation.settlement.positions.payout_rules import PayoutRule, PayoutRules
from reconciliation.settlement.positions.payout_terms import PayoutTerms, Schedule, TermsByPayee
from reconciliation.settlement.positions.withholding import WithholdingRules

Rail = Literal["rtgs", "beftn"]
_WEIGHTS: Final = (5, 7, 1) * 3
_ROUTING = re.compile(r"[0-9]{9}", re.ASCII)
# The BEFTN record is the narrower one: 17 characters for an account, 10 for a company.
_ACCOUNT = r"^[A-Z0-9]{1,17}$"
# The twelve digits of an amount in a BEFTN entry.
_PAISA_MAX: Final = 10**12 - 1
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_COMPANY = r"^[A-Z0-9]{1,10}$"
_BIC = r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$"


def is_routing_number(text: str) -> bool:
    """Whether nine digits end in their check digit (connectors.md 13.2)."""
    if not _ROUTING.fullmatch(text):
        return False
    return sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=True)) % 10 == 0


def _routing_number(text: str) -> str:
    if not is_routing_number(text):
        raise ValueError(f"{text} is no routing number")
    return text


def _readable(text: str) -> str:
    if not transliterate(text):
        raise ValueError(f"{text!r} leaves nothing in Latin letters")
    return text


RoutingNumber = Annotated[str, AfterValidator(_routing_number)]
Name = Annotated[str, AfterValidator(_readable)]


class Debtor(StrictRow):
    """Our own settlement account, and the clearing house to which its bank sends our files."""

    name: Name
    bic: str = Field(pattern=_BIC)
    routing_number: RoutingNumber
    account: str = Field(pattern=_ACCOUNT)
    company_id: str = Field(pattern=_COMPANY)
    clearing_house: RoutingNumber
    # The layout of the statement on which our instructions are booked.
    statement: str = Field(min_length=1)


class RailBounds(StrictRow):
    """The least and the most that one instruction of a rail may be, in paisa.

    An amount below the minimum takes the rail `below_minimum`, if there is one.
    """

    minimum: Paisa
    maximum: Paisa
    below_minimum: Rail | None = None

    @model_validator(mode="after")
    def _leaves_room(self) -> "RailBounds":
        if not 0 < self.minimum <= self.maximum <= _PAISA_MAX:
            raise ValueError(
                "a minimum is above zero and not above the maximum, which has twelve digits of paisa"
            )
        return self


class CreditorAccount(StrictRow):
    """The registered account of one creditor."""

    role: Literal["connector", "biller", "merchant", "payee", "agent", "partner", "sweep", "deposit"]
    party: str = Field(min_length=1)
    name: Name
    bic: str = Field(pattern=_BIC)
    routing_number: RoutingNumber
    account: str = Field(pattern=_ACCOUNT)
    holds: Literal["current", "savings"]
    rail: Rail

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "CreditorAccount":
        """The account of a row of the database with columns of these names, whatever else it has."""
        return cls(**{name: row[name] for name in cls.model_fields})

    @property
    def creditor(self) -> Party:
        """The party that the account belongs to."""
        return Party(PartyRole(self.role), self.party)


class AccountChangeTerms(StrictRow):
    """How many hours an approved change of an account waits before the new account is paid into."""

    cooling_hours: int = Field(default=48, ge=1, le=720)


class DemandTerms(StrictRow):
    """How many days a payee has to pay a demand from its approval on."""

    due_days: int = Field(default=14, ge=1, le=180)


class PayoutRow(StrictRow):
    """The rule of one payee, of one connector, or of what one connector collects for one payee."""

    role: Literal["biller", "merchant", "payee"] | None = None
    party: str | None = Field(default=None, min_length=1)
    connector: str | None = Field(default=None, min_length=1)
    rule: Literal["matched", "received", "on_risk"]

    @model_validator(mode="after")
    def _names_somebody(self) -> "PayoutRow":
        if (self.role is None) != (self.party is None):
            raise ValueError("a payee has a role and a party")
        if self.party is None and self.connector is None:
            raise ValueError("a rule names a payee, a connector or both; `default` is for all others")
        return self

    @property
    def place(self) -> tuple[Party | None, str | None]:
        """The payee and the connector that the row is about; None means all."""
        payee = Party(PartyRole(self.role), self.party) if self.role and self.party else None
        return payee, self.connector


class ScheduleRow(StrictRow):
    """The payout terms of one payee, or of all of a role that have no row of their own (docs/adr/0100).

    A payout date on which banks are closed moves to the next business day. `minimum` is in paisa.
    """

    role: Literal["biller", "merchant", "payee", "agent"]
    party: str | None = Field(default=None, min_length=1)
    schedule: Literal["daily", "weekly", "monthly"] = "daily"
    weekdays: frozenset[Weekday] = Field(default=frozenset(), strict=False)
    day_of_month: int | None = Field(default=None, ge=1, le=31)
    minimum: Paisa = 0
    hold_days: int = Field(default=0, ge=0, le=30)

    @model_validator(mode="after")
    def _names_its_days(self) -> "ScheduleRow":
        whose = Party(PartyRole(self.role), self.party or "all")
        if bool(self.weekdays) != (self.schedule == "weekly"):
            raise ValueError(f"weekdays: a weekly schedule names them and no other ({whose})")
        if (self.day_of_month is not None) != (self.schedule == "monthly"):
            raise ValueError(f"day_of_month: a monthly schedule names it and no other ({whose})")
        return self

    @property
    def place(self) -> tuple[PartyRole, str | None]:
        """The role, and the payee where it is about one."""
        return PartyRole(self.role), self.party

    @property
    def terms(self) -> PayoutTerms:
        """The terms as settlement uses them."""
        weekdays = frozenset(map(_WEEKDAYS.index, self.weekdays))
        return PayoutTerms(
            Schedule(self.schedule), weekdays, self.day_of_month or 0, self.minimum, self.hold_days
        )


class DepositRow(StrictRow):
    """The terms of our deposit at one prefunded utility (docs/adr/0104); amounts in paisa."""

    biller: str = Field(min_length=1)
    target_days: int = Field(default=USUAL_TERMS.target_days, ge=1, le=62)
    look_back_days: int = Field(default=USUAL_TERMS.look_back_days, ge=1, le=62)
    minimum: Paisa = 0
    maximum: Paisa | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_no_floor(cls, row: object) -> object:
        if isinstance(row, dict) and "floor_days" in row:
            raise ValueError("floor_days: the biller's manifest says it, as [deposit] alarm_below_days")
        return row

    @model_validator(mode="after")
    def _leaves_room(self) -> "DepositRow":
        if self.maximum is not None and not 0 < self.maximum >= self.minimum:
            raise ValueError(f"maximum: it is above zero and not below the minimum ({self.biller})")
        return self

    @property
    def terms(self) -> DepositTerms:
        """The terms as settlement uses them."""
        return DepositTerms(self.target_days, self.look_back_days, self.minimum, self.maximum)


class PayoutSettings(StrictRow):
    """When payees are paid (docs/adr/0090, 0100), less what tax (0103); deposits topped up (0104)."""

    default: Literal["matched", "received", "on_risk"] = "received"
    rules: tuple[PayoutRow, ...] = Field(default=(), strict=False)
    schedules: tuple[ScheduleRow, ...] = Field(default=(), strict=False)
    deposits: tuple[DepositRow, ...] = Field(default=(), strict=False)
    withholding: tuple[WithholdingRow, ...] = Field(default=(), strict=False)
    taxpayers: tuple[TaxpayerRow, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _says_it_once(self) -> "PayoutSettings":
        places = set()
        for row in self.rules:
            if row.place in places:
                payee, connector = row.place
                raise ValueError(f"two rules for {payee or 'all payees'} and {connector or 'all connectors'}")
            places.add(row.place)
        owners = [row.place for row in self.schedules]
        for role, party in owners:
            if owners.count((role, party)) > 1:
                raise ValueError(f"schedules: two rows for {Party(role, party or 'all')}")
        billers = [row.biller for row in self.deposits]
        for biller in billers:
            if billers.count(biller) > 1:
                raise ValueError(f"deposits: two rows for {biller}")
        refuse_doubled_rows(self.withholding, self.taxpayers)
        return self

    @property
    def terms(self) -> TermsByPayee:
        """The payout terms as they are looked up."""
        return TermsByPayee({row.place: row.terms for row in self.schedules})

    @property
    def deposit_terms(self) -> Mapping[str, DepositTerms]:
        """The terms of each deposit that has a row, by its biller."""
        return {row.biller: row.terms for row in self.deposits}

    @property
    def taxes(self) -> WithholdingRules:
        """The rules of withheld tax as they are looked up."""
        return withholding_rules(self.withholding, self.taxpayers)

    @property
    def by_place(self) -> PayoutRules:
        """The rules as they are looked up."""
        rows = {row.place: PayoutRule(row.rule) for row in self.rules}
        return PayoutRules(PayoutRule(self.default), rows)


class CoverSettings(StrictRow):
    """What the cover may not fall below by an order to pay, in paisa."""

    reserve: Paisa = 0


class AccountRegistry(StrictRow):
    """Everything that an instruction needs beside its amount."""

    version: str
    own: FileTimes
    debtor: Debtor
    rails: Mapping[Rail, RailBounds]
    account_changes: AccountChangeTerms = AccountChangeTerms()
    accounts: tuple[CreditorAccount, ...] = Field(strict=False)
    payouts: PayoutSettings = PayoutSettings()
    cover: CoverSettings = CoverSettings()
    demands: DemandTerms = DemandTerms()

    @model_validator(mode="after")
    def _is_whole(self) -> "AccountRegistry":
        creditors = [account.creditor for account in self.accounts]
        if len(set(creditors)) != len(creditors):
            raise ValueError("a creditor has one account")
        others = {name: bounds.below_minimum for name, bounds in self.rails.items() if bounds.below_minimum}
        users = [(str(account.creditor), account.rail) for account in self.accounts]
        users += [(f"rails.{name}.below_minimum", other) for name, other in others.items()]
        for user, rail in users:
            if rail not in self.rails:
                raise ValueError(f"{user}: rail {rail} has no bounds in [rails.{rail}]")
        if any(other in others for other in others.values()):
            raise ValueError("below_minimum names a rail that takes smaller amounts by itself")
        highest = max((bounds.maximum for bounds in self.rails.values()), default=0)
        for number, row in enumerate(self.payouts.schedules):
            if row.minimum > highest:
                raise ValueError(f"payouts.schedules.{number}.minimum: no rail takes so much at once")
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changed fields; cached values are computed again."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_by_creditor", None)
        return copied

    @cached_property
    def _by_creditor(self) -> Mapping[Party, CreditorAccount]:
        return {account.creditor: account for account in self.accounts}

    def account_of(self, party: Party) -> CreditorAccount | None:
        """The registered account of a party, if it has one."""
        return self._by_creditor.get(party)

    def on_rail_for(self, account: CreditorAccount, amount: int) -> CreditorAccount:
        """The account on the rail that takes an amount in paisa: its own, or the one for smaller amounts."""
        bounds = self.rails[account.rail]
        if amount >= bounds.minimum or bounds.below_minimum is None:
            return account
        return account.model_copy(update={"rail": bounds.below_minimum})


def read_registry(path: Path) -> AccountRegistry:
    """The registry of a file.

    Raises:
        ConfigurationError: the file is no valid registry.
    """
    try:
        return AccountRegistry.model_validate(toml_tables(path))
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
