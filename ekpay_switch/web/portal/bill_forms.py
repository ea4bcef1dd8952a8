"""The form that names a bill, made from a biller's manifest, and what a payer typed into it.

Pure. A biller may let a payer name a bill in several ways, by groups of fields; what every group asks for is
asked once. What was typed is kept as it was typed, so that a form that comes back holds it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.parties.mobile_numbers import national_number
from ekpay_switch.ports.billers import BillerProfile, Parameter

GROUP_FIELD = "group"
MISSING, WRONG, NOT_CHOSEN, BEYOND_BOUNDS = "missing", "wrong", "not_chosen", "beyond_bounds"
# More choices than these stand in a list.
TILES_MAX = 6
_TYPED_MAX = 200
_MOBILE = "bill_mobno"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LETTERS, _SMALL_LETTERS = re.compile("[A-Za-z]"), re.compile("[a-z]")


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form, under an id that no other field of it has."""

    id: str
    parameter: Parameter

    @property
    def kind(self) -> str:
        """How it is asked: `tiles`, `list`, or the type of an input."""
        parameter = self.parameter
        if parameter.choices:
            return "tiles" if len(parameter.choices) <= TILES_MAX else "list"
        if parameter.wire_name == _MOBILE:
            return "tel"
        if _DATE.fullmatch(parameter.example):
            return "date"
        return "email" if "@" in parameter.pattern else "text"

    @property
    def mode(self) -> str:
        """The keyboard that a phone shows, empty for that of the type; digits where nothing else fits."""
        if self.kind != "text" or _LETTERS.search(self.parameter.pattern):
            return ""
        if self.parameter.example.isdigit() and r"\." not in self.parameter.pattern:
            return "numeric"
        return "decimal" if r"\." in self.parameter.pattern else ""

    @property
    def completion(self) -> str:
        """What a browser may fill in: what is the payer's own, and nothing that names a bill."""
        return {"tel": "tel-national", "email": "email"}.get(self.kind, "off")

    @property
    def has_example(self) -> bool:
        """Whether the form shows an example: where something is typed, and the hint has none already."""
        parameter = self.parameter
        return self.kind not in {"date", "tiles", "list"} and parameter.example not in parameter.hint_en

    @property
    def is_in_capitals(self) -> bool:
        """Whether letters are written in capitals only."""
        pattern = self.parameter.pattern
        return bool(_LETTERS.search(pattern)) and not _SMALL_LETTERS.search(pattern)

    def read(self, typed: str) -> str:
        """What was typed, as the biller takes it: ASCII digits, no blanks around it nor where none fit."""
        separator = " " if " " in self.parameter.pattern else ""
        text = separator.join(fold_bangla_digits(typed).split())
        if self.parameter.wire_name == _MOBILE:
            return national_number(text) or text
        return text.upper() if self.is_in_capitals else text

    def fault(self, typed: str) -> str:
        """What is wrong with what was typed; empty where nothing is."""
        text, parameter = self.read(typed), self.parameter
        if not text:
            if not parameter.is_required:
                return ""
            return NOT_CHOSEN if parameter.choices else MISSING
        if parameter.admits(text):
            return ""
        has_bounds = parameter.bounds is not None and parameter.bounds.least and parameter.bounds.most
        return BEYOND_BOUNDS if has_bounds else WRONG


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """The fields of one way to name a bill, which is called by the first field that has to be filled in."""

    letter: str
    fields: Sequence[FormField]

    @property
    def named_by(self) -> Parameter:
        """The field that this way is called by."""
        needed = (one.parameter for one in self.fields if one.parameter.is_required)
        return next(needed, self.fields[0].parameter)


@dataclass(frozen=True, slots=True)
class BillForm:
    """Every field of a biller: by the ways to name a bill, and what each of them asks too."""

    groups: Sequence[FieldGroup]
    common: Sequence[FormField] = ()

    @property
    def has_choice(self) -> bool:
        """Whether a bill can be named in several ways."""
        return len(self.groups) > 1

    def group(self, letter: str) -> FieldGroup | None:
        """The group of this letter."""
        return next((group for group in self.groups if group.letter == letter), None)


@dataclass(frozen=True, slots=True)
class FilledForm:
    """What was typed, by the ids of the fields, which group it names, and what is wrong with which field."""

    group: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    """By the names of the manifest, as the biller takes them; empty while anything is wrong."""


def bill_form(profile: BillerProfile) -> BillForm:
    """The form of a biller; the fields that all its groups have are asked once, below the choice."""
    letters = list(dict.fromkeys(parameter.group for parameter in profile.parameters))
    names = [{(one.name, one.wire_name) for one in profile.parameters if one.group == it} for it in letters]
    shared = set.intersection(*names) if len(letters) > 1 else set()
    groups = [
        FieldGroup(
            letter,
            [
                _field(one)
                for one in profile.parameters
                if one.group == letter and (one.name, one.wire_name) not in shared
            ],
        )
        for letter in letters
    ]
    common = [
        _field(one)
        for one in profile.parameters
        if one.group == letters[0] and (one.name, one.wire_name) in shared
    ]
    return BillForm(groups, common)


def _field(parameter: Parameter) -> FormField:
    return FormField(f"{parameter.group}-{parameter.name}", parameter)


def typed_form(form: BillForm, sent: Mapping[str, str]) -> FilledForm:
    """The form as it was filled in, unjudged."""
    fields = [one for group in form.groups for one in group.fields] + list(form.common)
    typed = {one.id: sent.get(one.id, "").strip()[:_TYPED_MAX] for one in fields}
    group = sent.get(GROUP_FIELD, "")
    return FilledForm(group if form.group(group) else "", typed)


def prefilled_form(form: BillForm, fields: Mapping[str, str]) -> FilledForm:
    """The form with these fields filled in, by the names of the manifest, unjudged.

    It names the first group that has them all, else the first that they are enough for.
    """
    asked = {group.letter: [*group.fields, *form.common] for group in form.groups}
    names = {letter: {one.parameter.name for one in those} for letter, those in asked.items()}
    needed = {
        group.letter: {one.parameter.name for one in group.fields if one.parameter.is_required}
        for group in form.groups
    }
    fitting = [letter for letter in asked if fields.keys() <= names[letter]]
    enough = [letter for letter in asked if needed[letter] and needed[letter] <= fields.keys()]
    letter = next(iter([*fitting, *enough]), None)
    if letter is None:
        return FilledForm()
    typed = {one.id: fields.get(one.parameter.name, one.parameter.default) for one in asked[letter]}
    return FilledForm(letter, typed)


def judged_form(form: BillForm, filled: FilledForm) -> FilledForm:
    """The same, judged: with the faults of its fields, or with the fields that name the bill."""
    group = form.groups[0] if not form.has_choice else form.group(filled.group) or _only_typed(form, filled)
    asked = [*(group.fields if group else ()), *form.common]
    faults = {one.id: one.fault(filled.typed[one.id]) for one in asked}
    faults = {name: fault for name, fault in faults.items() if fault}
    if group is None:
        faults = {GROUP_FIELD: NOT_CHOSEN} | faults
    read = {one.parameter.name: one.read(filled.typed[one.id]) for one in asked}
    return FilledForm(
        group.letter if group else "",
        filled.typed,
        faults,
        {} if faults else {name: text for name, text in read.items() if text},
    )


def _only_typed(form: BillForm, filled: FilledForm) -> FieldGroup | None:
    """The group that was typed into, where that is one alone: who typed a number has chosen it."""
    begun = [group for group in form.groups if any(filled.typed[one.id] for one in group.fields)]
    return begun[0] if len(begun) == 1 else None
