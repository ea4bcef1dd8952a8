"""The member names of one utility behind the aggregator, as settings of its manifest (`aggregator`).

Calls and answers are the same for every utility; they differ in the parameters that name a bill and in
further members of a call. There are no conditions and no expressions.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from biller_adapters.field_map import Member, gather_by_prefix
from biller_adapters.manifest import Manifest
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Name, Section

OPERATIONS = frozenset({"info", "payment", "status", "cancel"})
# The keys of one utility, beside those of the collector (billers.md 2.7).
UTILITY_KEYS = ("utility_auth_key", "utility_secret_key")
_PREFIXES = ("send", "year_of", "month_of", "with_payment", "info", "payment")
_YEAR_DIGITS = 4

# The parameters that the family itself reads, whatever their names on the wire.
TAX, CHALLAN = "source_tax_amount", ("challan_no", "challan_date", "challan_bank")
FROM, TO = "from_month", "to_month"


class UtilityWording(Section):
    """The section `family_settings` of a manifest over `aggregator`.

    `send`, `year_of`, `month_of`: our parameters in bill-info, whole or as the year and the month of YYYYMM.
    `info`: members that bill-info always has, unless a parameter sets them. `with_payment` and
    `payment`: the same for bill-payment, of parameters that name the payer. All six are gathered from
    settings with that prefix, such as `send_customer_no = "account_number"`.

    `bill_named_by` says whether the bill key is the utility's number or the required parameters, which
    another route derives as well. Where `bills` are `stated_months` there are none: the payer states months
    from `from_month` to `to_month`, the tariff is the manifest's schedule, and a month is surcharged by
    `surcharge_basis_points` of its tariff after `due_day` of the following month.
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
    def _gather(cls, settings: Mapping[str, object]) -> dict[str, object]:
        return gather_by_prefix(settings, _PREFIXES)

    @property
    def parameters(self) -> frozenset[str]:
        """The names of our parameters that bill-info carries."""
        return frozenset((*self.send, *self.year_of, *self.month_of))

    def info_fields(self, values: Mapping[str, str]) -> dict[str, object]:
        """The members of bill-info for these parameters; those without a value are left out."""
        fields: dict[str, object] = dict(self.info)
        fields |= {member: values[name] for name, member in self.send.items() if values.get(name)}
        for name, member in self.year_of.items():
            fields |= {member: values[name][:_YEAR_DIGITS]} if values.get(name) else {}
        for name, member in self.month_of.items():
            fields |= {member: values[name][_YEAR_DIGITS:]} if values.get(name) else {}
        return fields

    def payment_fields(self, values: Mapping[str, str]) -> dict[str, object]:
        """The members of bill-payment besides its ids."""
        fields: dict[str, object] = dict(self.payment)
        return fields | {
            member: values[name] for name, member in self.with_payment.items() if values.get(name)
        }


def utility_wording_of(manifest: Manifest) -> UtilityWording:
    """The wording of a manifest, checked against its other sections.

    Raises:
        ManifestError: an operation or a key is missing, a setting is unknown or malformed, or the wording
            and the other sections contradict each other.
    """
    wording = settings_of(manifest, UtilityWording, OPERATIONS)
    known = {entry.name for entry in manifest.parameters}
    payer = {entry.name for entry in manifest.parameters if entry.names_payer}
    bill_names = {entry.name for entry in manifest.parameters if entry.is_required} - payer
    states_months = wording.bills == "stated_months"
    for is_fault, fault in (
        (set(manifest.secrets.more) != set(UTILITY_KEYS), "secrets.more must name the two utility keys"),
        (not wording.parameters <= known, "a parameter is sent that is not defined"),
        (
            not wording.with_payment.keys() <= payer,
            "with_payment may only have parameters that name the payer",
        ),
        (not states_months and not bill_names <= wording.parameters, "what names the bill is not sent"),
        (TAX in known and TAX not in wording.send, "a tax at source is requested and not sent"),
        (states_months and FROM not in known, f"stated months need the parameter {FROM}"),
        (states_months and not manifest.amount.schedule, "stated months need a schedule of tariffs"),
        (manifest.amount_rule in {"part", "range"}, "the aggregator takes the amount of bill-info only"),
        (not manifest.safety.echoes_amount, "the aggregator echoes the amount"),
    ):
        if is_fault:
            raise ManifestError(f"{manifest.id}: {fault}")
    return wording
