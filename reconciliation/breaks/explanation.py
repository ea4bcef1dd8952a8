"""A break explained for people: owner, deadline, exposure, and one sentence in two languages."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.money import Money
from ekpay_switch.edge_kit.bilingual_text import in_bangla, taka_text
from reconciliation.breaks.codes import BreakRules, Exposure
from reconciliation.breaks.findings import BreakFinding
from reconciliation.calendar import Calendar


@dataclass(frozen=True, slots=True)
class Break:
    """One finding, explained. Amounts in paisa; `age` in business days up to `as_of`."""

    code: str
    institution: str
    reference: str
    night: date
    as_of: date
    age: int
    owner: str
    deadline: date
    action: str
    automatic: str
    exposure: int
    amount: int
    difference: int
    file: str
    passes: tuple[str, ...]
    nearest: str
    diagnosis: str
    rows: tuple[str, ...]
    en: str
    bn: str


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains findings by rules and calendar; `billers` are the institutions to which we deliver."""

    rules: BreakRules
    calendar: Calendar
    billers: Collection[str] = ()

    def explain(self, finding: BreakFinding, night: date, as_of: date) -> Break:
        """A finding of a night as it stands on a later date."""
        meaning = self.rules.meanings[finding.key.code]
        exposure = _exposure("open_total" if finding.waits_for_a_file else meaning.exposure, finding)
        phrase = None if finding.diagnosis is None else self.rules.diagnoses[finding.diagnosis]
        facts = _facts(finding)
        amounts = {"amount": finding.amount, "difference": finding.difference, "exposure": exposure}
        english = {name: str(Money(abs(paisa))) for name, paisa in amounts.items()}
        bangla = {name: _bangla_figure(abs(paisa)) for name, paisa in amounts.items()}
        bangla_facts = {name: in_bangla(facts[name]) for name in ("day", "cycle", "count")}
        return Break(
            code=finding.key.code.value,
            institution=finding.key.institution,
            reference=finding.key.reference,
            night=night,
            as_of=as_of,
            age=self.calendar.age(night, as_of),
            owner=meaning.owner,
            deadline=self.calendar.business_day_after(night, meaning.deadline_business_days),
            action=meaning.action_about(finding.amount, is_delivery=finding.key.institution in self.billers),
            automatic=meaning.automatic,
            exposure=exposure,
            amount=finding.amount,
            difference=finding.difference,
            file=finding.file,
            passes=finding.passes,
            nearest=finding.nearest,
            diagnosis="" if finding.diagnosis is None else finding.diagnosis.value,
            rows=finding.rows,
            en=meaning.en.format(**facts, **english, diagnosis=phrase.en if phrase else "").strip(),
            bn=meaning.bn.format(
                **{**facts, **bangla_facts}, **bangla, diagnosis=phrase.bn if phrase else ""
            ).strip(),
        )


def _bangla_figure(paisa: int) -> str:
    """The figure in Bangla digits with lakhs apart; the sentences say taka themselves."""
    return taka_text(paisa).bangla.partition(" ")[0]


def _exposure(kind: Exposure, finding: BreakFinding) -> int:
    match kind:
        case "none":
            return 0
        case "amount" | "file_total":
            return abs(finding.amount)
        case "difference":
            return abs(finding.difference)
        case "open_total":
            return abs(finding.open_total)


def _facts(finding: BreakFinding) -> Mapping[str, str]:
    """The facts that a sentence may contain beside its amounts."""
    return {
        "institution": finding.key.institution,
        "reference": finding.key.reference,
        "file": finding.file,
        "day": finding.day.isoformat() if finding.day else "",
        "cycle": str(finding.cycle or 1),
        "what": finding.reason,
        "count": str(len(finding.rows)),
    }
