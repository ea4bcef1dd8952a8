"""What a utility behind the aggregator calls things, as settings of its manifest (`aggregator`).

The calls and their answers are the aggregator's and the same for every utility; what differs is what a payer
names a bill by, and what else a call must carry. There are no conditions and no expressions.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from biller_adapters.field_map import Member
from biller_adapters.manifest import Manifest
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Name, Section

OPERATIONS = frozenset({"info", "payment", "status", "cancel"})
# The keys of one utility, beside those of the collector (billers.md 2.7).
UTILITY_KEYS = ("utility_auth_key", "utility_secret_key")
_PREFIXES = ("send", "year_of", "month_of", "with_payment", "info", "payment")
_YEAR_DIGITS = 4

# The parameters that mean something to the family, whatever they are called on the wire.
TAX, CHALLAN = "source_tax_amount", ("challan_no", "challan_date", "challan_bank")
FROM, TO = "from_month", "to_month"


class UtilityWords(Section):
    """The section `family_settings` of a manifest over `aggregator`.

    `send`, `year_of`, `month_of`: our parameters in bill-info, whole or as the year and the month of YYYYMM.
    `info`: words that bill-info always carries, where no parameter says otherwise. `with_payment` and
    `payment`: the same for bill-payment, of parameters that name the payer. All six are gathered from
    settings with that prefix, such as `send_customer_no = "account_number"`.

    `bill_named_by` says whether a bill is known by the number that the utility gives it, or by the required
    parameters where another route must come to the same name. Where `bills` are `stated_months` there are
    none: the payer states months from `from_month` to `to_month`, the tariff is the manifest's schedule, and
    a month is surcharged by `surcharge_basis_points` of its tariff after `due_day` of the following month.
    """

    send: Mapping[Name, Member]
    year_of: Mapping[Name, Member]
    month_of: Mapping[Name, Member]
    with_payment: Mapping[Name, Member]
    info: Mapping[Member, str]
    payment: Mapping[Member, str]
    bill_named_by: Literal["number", "parameters"] = "number"
    bills: Literal["presented", "stated_months"] = "presented"
    surcharge_basis_points: Annotated[str, Field(pattern=r"^[0-9]{1,4}$")] = "0"
    due_day: Annotated[str, Field(pattern=r"^([1-9]|1[0-9]|2[0-8])$")] = "20"

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, told: Mapping[str, object]) -> dict[str, object]:
        """Put the settings with a prefix where they belong; a field without one is no setting."""
        gathered: dict[str, dict[str, object]] = {prefix: {} for prefix in _PREFIXES}
        plain: dict[str, object] = {}
        for name, value in told.items():
            prefix = next((one for one in _PREFIXES if name.startswith(f"{one}_")), "")
            if prefix:
                gathered[prefix][name.removeprefix(f"{prefix}_")] = value
            else:
                plain[name] = value
        return {**gathered, **plain}

    @property
    def parameters(self) -> frozenset[str]:
        """The names of our parameters that bill-info carries."""
        return frozenset((*self.send, *self.year_of, *self.month_of))

    def asked(self, values: Mapping[str, str]) -> dict[str, object]:
        """What bill-info says of these parameters; one without a value is left out."""
        told: dict[str, object] = dict(self.info)
        told |= {member: values[name] for name, member in self.send.items() if values.get(name)}
        for name, member in self.year_of.items():
            told |= {member: values[name][:_YEAR_DIGITS]} if values.get(name) else {}
        for name, member in self.month_of.items():
            told |= {member: values[name][_YEAR_DIGITS:]} if values.get(name) else {}
        return told

    def paid_with(self, values: Mapping[str, str]) -> dict[str, object]:
        """What bill-payment says beside whose payment it is."""
        told: dict[str, object] = dict(self.payment)
        return told | {member: values[name] for name, member in self.with_payment.items() if values.get(name)}


def words_of(manifest: Manifest) -> UtilityWords:
    """The words of a manifest, once they fit the rest of it.

    Raises:
        ManifestError: an operation or a key is missing, a setting is unknown or malformed, or the words and
            the other sections contradict each other.
    """
    words = settings_of(manifest, UtilityWords, OPERATIONS)
    known = {entry.name for entry in manifest.parameters}
    payer = {entry.name for entry in manifest.parameters if entry.names_payer}
    naming = {entry.name for entry in manifest.parameters if entry.is_required} - payer
    states_months = words.bills == "stated_months"
    for is_fault, fault in (
        (set(manifest.secrets.more) != set(UTILITY_KEYS), "secrets.more must name the two utility keys"),
        (not words.parameters <= known, "a parameter is sent that there is not"),
        (not words.with_payment.keys() <= payer, "a payment carries what does not name the payer"),
        (not states_months and not naming <= words.parameters, "what names the bill is not sent"),
        (TAX in known and TAX not in words.send, "a tax at source is asked for and not sent"),
        (states_months and FROM not in known, f"stated months need the parameter {FROM}"),
        (states_months and not manifest.amount.schedule, "stated months need a schedule of tariffs"),
        (manifest.amount_rule in {"part", "range"}, "the aggregator takes what it told, nothing else"),
        (not manifest.safety.echoes_amount, "the aggregator echoes the amount"),
    ):
        if is_fault:
            raise ManifestError(f"{manifest.id}: {fault}")
    return words


def told_as(wire_name: str, named: Mapping[str, str], manifest: Manifest) -> str:
    """What the payer gave for the parameter that this member of `bll_inf` carries; empty for nothing."""
    names = (entry.name for entry in manifest.parameters if entry.wire_name == wire_name)
    return next((named[name] for name in names if named.get(name)), "")
