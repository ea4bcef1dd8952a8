"""Reading config/routing.toml into the rules of the core; an invalid file stops the start.

How to change it stands in docs/how-to/change-routing.md.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ekpay_switch.config_files.toml_file import ConfigFileError, read_config_file
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.domain.routing.breaker import BreakerRules
from ekpay_switch.domain.routing.rules import (
    MINUTES_A_DAY,
    PPM,
    Action,
    Condition,
    DatedWindow,
    FailureCost,
    RecordRules,
    RoutingRules,
    Rule,
    WeeklyWindow,
    Window,
)
from ekpay_switch.ports.connectors import ConnectorProfile

_WHOLE = 100
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


class RoutingFileError(Exception):
    """The routing file cannot be used as it is."""


def _taka(text: str) -> str:
    try:
        parse_taka(text)
    except MalformedAmountError:
        raise ValueError("not an amount in taka with at most two decimals") from None
    return text


def _percent(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", text) is None:
        raise ValueError("not a percentage below 100 with at most two decimals")
    return text


def _time(text: str) -> str:
    if _TIME.fullmatch(text) is None:
        raise ValueError("not a time of the Dhaka day, from 00:00 to 24:00")
    return text


Taka = Annotated[str, AfterValidator(_taka)]
Percent = Annotated[str, AfterValidator(_percent)]
Time = Annotated[str, AfterValidator(_time)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Names = Annotated[list[Name], Field(min_length=1)]
Share = Annotated[int, Field(ge=1, le=_WHOLE)]
Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Record(_Section):
    outcomes_max: Annotated[int, Field(ge=1)] = 200
    outcomes_min: Annotated[int, Field(ge=1)] = 30
    window_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    unknown_percent: Annotated[int, Field(ge=0, le=_WHOLE)] = 95
    exploration_percent: Percent = "2.00"

    @model_validator(mode="after")
    def _the_least_is_within_the_most(self) -> Self:
        if self.outcomes_min > self.outcomes_max:
            raise ValueError("outcomes_min must be no more than outcomes_max")
        return self

    def rules(self) -> RecordRules:
        return RecordRules(
            outcomes_max=self.outcomes_max,
            outcomes_min=self.outcomes_min,
            window_seconds=self.window_minutes * 60.0,
            unknown_percent=self.unknown_percent,
            exploration_ppm=parse_taka(self.exploration_percent).minor * PPM // 10_000,
        )


class _Breaker(_Section):
    doubts_in_a_row: Annotated[int, Field(ge=1)] = 5
    window: Annotated[int, Field(ge=1, le=200)] = 20
    doubts_in_window: Annotated[int, Field(ge=1)] = 10
    memory_minutes: Annotated[int, Field(ge=1, le=60)] = 60
    hold_seconds: Seconds = 30.0
    by_itself_seconds: Seconds = 600.0

    @model_validator(mode="after")
    def _it_can_open_and_come_back(self) -> Self:
        if max(self.doubts_in_a_row, self.doubts_in_window) > self.window:
            raise ValueError("doubts_in_a_row and doubts_in_window must be no more than window")
        if self.by_itself_seconds < self.hold_seconds:
            raise ValueError("by_itself_seconds must be no less than hold_seconds")
        return self

    def rules(self) -> BreakerRules:
        return BreakerRules(
            doubts_in_a_row=self.doubts_in_a_row,
            window=self.window,
            doubts_in_window=self.doubts_in_window,
            memory_seconds=self.memory_minutes * 60.0,
            hold_seconds=self.hold_seconds,
            by_itself_seconds=self.by_itself_seconds,
        )


class _FailureCost(_Section):
    fixed: Taka = "20.00"
    percent: Percent = "1.00"

    def rules(self) -> FailureCost:
        return FailureCost(parse_taka(self.fixed), parse_taka(self.percent).minor)


class _Maintenance(_Section):
    """One window: each week on a `weekday` from a time to another, or once from one local time to another."""

    connector: Name
    weekday: str | None = None
    start: Time | datetime
    end: Time | datetime

    @model_validator(mode="after")
    def _is_one_kind_and_in_order(self) -> Self:
        if self.weekday is not None and self.weekday not in _DAYS:
            raise ValueError(f"weekday must be one of {', '.join(_DAYS)}")
        is_weekly = isinstance(self.start, str) and isinstance(self.end, str) and self.weekday is not None
        is_dated = _is_local(self.start) and _is_local(self.end) and self.weekday is None
        if not is_weekly and not is_dated:
            raise ValueError(
                "a window has a weekday and two times, or two dates with times and no offset (Dhaka)"
            )
        start, end = self._ends()
        if start >= end:
            raise ValueError("start must be before end; a night is two windows, the first one until 24:00")
        return self

    def _ends(self) -> tuple[float, float]:
        if isinstance(self.start, str) and isinstance(self.end, str):
            return _minute(self.start), _minute(self.end)
        window = self.window()
        assert isinstance(window, DatedWindow), "the kinds were looked at"
        return window.start.timestamp(), window.end.timestamp()

    def window(self) -> Window:
        if isinstance(self.start, str) and isinstance(self.end, str):
            assert self.weekday is not None, "the kinds were looked at"
            return WeeklyWindow(_DAYS.index(self.weekday), _minute(self.start), _minute(self.end))
        assert isinstance(self.start, datetime), "the kinds were looked at"
        assert isinstance(self.end, datetime), "the kinds were looked at"
        return DatedWindow(self.start.replace(tzinfo=DHAKA), self.end.replace(tzinfo=DHAKA))


class _Rule(_Section):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    instruments: Names | None = None
    billers: Names | None = None
    partners: Annotated[list[str], Field(min_length=1)] | None = None
    amount_min: Taka | None = None
    amount_max: Taka | None = None
    time_from: Time = "00:00"
    time_until: Time = "24:00"
    only: Names | None = None
    exclude: Names | None = None
    prefer: Names | None = None
    split: Annotated[dict[Name, Share], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _does_one_thing_under_a_condition_that_can_hold(self) -> Self:
        if len(list(self._actions())) != 1:
            raise ValueError("a rule does one thing: only, exclude, prefer or split")
        if self.split is not None and sum(self.split.values()) != _WHOLE:
            raise ValueError(f"the shares of a split sum to {sum(self.split.values())}, not to {_WHOLE}")
        condition = self.condition()
        least, most = condition.amount_min, condition.amount_max
        if least is not None and most is not None and least > most:
            raise ValueError("amount_min is more than amount_max")
        if condition.minute_from >= condition.minute_until:
            raise ValueError("time_from must be before time_until; a night is two rules")
        return self

    def _actions(self) -> Iterator[tuple[Action, Sequence[str]]]:
        for action in Action:
            names: Sequence[str] | Mapping[str, int] | None = getattr(self, action.value)
            if names is not None:
                yield action, list(names)

    def condition(self) -> Condition:
        return Condition(
            instruments=frozenset(self.instruments or ()),
            billers=frozenset(self.billers or ()),
            partners=frozenset(self.partners or ()),
            amount_min=parse_taka(self.amount_min) if self.amount_min else None,
            amount_max=parse_taka(self.amount_max) if self.amount_max else None,
            minute_from=_minute(self.time_from),
            minute_until=_minute(self.time_until),
        )

    def rule(self) -> Rule:
        ((action, names),) = self._actions()
        shares = tuple(self.split.items()) if self.split else ()
        return Rule(self.name, self.condition(), action, frozenset(names), shares)


class _File(_Section):
    version: Annotated[str, Field(min_length=1, max_length=32)]
    instruments: dict[Name, Names] = Field(default_factory=dict)
    record: _Record = Field(default_factory=_Record)
    breaker: _Breaker = Field(default_factory=_Breaker)
    failure_cost: _FailureCost = Field(default_factory=_FailureCost)
    daily_caps: dict[Name, Taka] = Field(default_factory=dict)
    maintenance: list[_Maintenance] = Field(default_factory=list)
    rules: list[_Rule] = Field(default_factory=list)

    def windows(self) -> dict[str, tuple[Window, ...]]:
        windows_by_connector: dict[str, tuple[Window, ...]] = {}
        for maintenance in self.maintenance:
            windows_by_connector[maintenance.connector] = (
                *windows_by_connector.get(maintenance.connector, ()),
                maintenance.window(),
            )
        return windows_by_connector


def read_routing_rules(
    path: Path, connectors: Sequence[ConnectorProfile], billers: Collection[str]
) -> RoutingRules:
    """The rules in `path`, for these connectors and the billers with these ids.

    Without a file nothing is routable: callers name connectors, as they did before there was one.

    Raises:
        RoutingFileError: a line for everything that is wrong.
    """
    if not path.exists():
        return RoutingRules()
    try:
        file = read_config_file(path, _File)
    except ConfigFileError as error:
        raise RoutingFileError(str(error)) from error
    misfits = list(_find_faults(file, {profile.id: profile for profile in connectors}, billers))
    if misfits:
        raise RoutingFileError(f"{path.name}: {'; '.join(misfits)}")
    return RoutingRules(
        version=f"{file.version} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}",
        instruments={name: tuple(names) for name, names in file.instruments.items()},
        rules=tuple(rule.rule() for rule in file.rules),
        calendar=file.windows(),
        daily_caps={name: parse_taka(cap) for name, cap in file.daily_caps.items()},
        record=file.record.rules(),
        breaker=file.breaker.rules(),
        failure_cost=file.failure_cost.rules(),
    )


def _find_faults(
    file: _File, known: Mapping[str, ConnectorProfile], billers: Collection[str]
) -> Iterator[str]:
    """Contradictions in the file, and names of unknown connectors, billers and instruments."""
    for name, names in file.instruments.items():
        yield from _instrument_faults(name, names, known)
    yield from _unknown("daily_caps", file.daily_caps, known)
    yield from _unknown("maintenance", [window.connector for window in file.maintenance], known)
    for connector_id, windows in file.windows().items():
        if any(_overlap(*pair) for pair in combinations(windows, 2)):
            yield f"maintenance: two windows of {connector_id} overlap"
    yield from _repeats("rules", [rule.name for rule in file.rules])
    for rule in file.rules:
        yield from _rule_faults(rule, file, billers)
    splits = [rule for rule in file.rules if rule.split]
    for first, second in combinations(splits, 2):
        if first.condition() == second.condition():
            yield f"rules: {second.name!r} splits what {first.name!r} has split already"


def _instrument_faults(
    name: str, names: Sequence[str], known: Mapping[str, ConnectorProfile]
) -> Iterator[str]:
    place = f"instruments.{name}"
    yield from _unknown(place, names, known)
    yield from _repeats(place, names)
    if name in known:
        yield f"{place}: this is the id of a connector, which callers may name"
    kinds = sorted({known[connector_id].instrument for connector_id in names if connector_id in known})
    if len(kinds) > 1:
        yield f"{place}: {' and '.join(kinds)} are priced apart and cannot stand for each other"


def _rule_faults(rule: _Rule, file: _File, billers: Collection[str]) -> Iterator[str]:
    place = f"rules {rule.name!r}"
    yield from _unknown(place, rule.billers or (), billers)
    yield from _unknown(place, rule.instruments or (), file.instruments)
    instruments = [name for name in file.instruments if rule.instruments is None or name in rule.instruments]
    connectors = {connector_id for name in instruments for connector_id in file.instruments[name]}
    named = rule.rule().connectors
    for name in sorted(named - connectors):
        yield f"{place}: {name} stands for none of its instruments"


def _unknown(place: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    return (f"{place}: there is no {name}" for name in names if name not in known)


def _repeats(place: str, names: Sequence[str]) -> Iterator[str]:
    return (f"{place}: {name} stands twice" for name in sorted({n for n in names if names.count(n) > 1}))


def _overlap(first: Window, second: Window) -> bool:
    """Whether two windows of one kind overlap; a weekly and a dated one may."""
    if isinstance(first, WeeklyWindow) and isinstance(second, WeeklyWindow):
        return first.weekday == second.weekday and first.start < second.end and second.start < first.end
    if isinstance(first, DatedWindow) and isinstance(second, DatedWindow):
        return first.start < second.end and second.start < first.end
    return False


def _is_local(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is None


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return min(int(hours) * 60 + int(minutes), MINUTES_A_DAY)
