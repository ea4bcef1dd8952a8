"""The lines of `/status`: institutions in groups, each with its grade and the numbers behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ekpay_switch.domain.health import Grade, HealthRecord, Promises, grade_of, share
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.flows.merchants.offers import down_until
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.routing import ACTIVE
from ekpay_switch.ports.world import World

BILLERS = "biller"
_STOPS_SHOWN = timedelta(days=30)
# Connectors first by how citizens call them, then billers.
GROUPS = ("wallet", "card", "account", BILLERS)
_WORST_FIRST = (Grade.TROUBLED, Grade.STOPPED, Grade.SLOW, Grade.WELL, Grade.QUIET)


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One institution; shares in basis points. `until` is when a planned stop ends, where one is on now."""

    id: str
    group: str
    name_en: str
    name_bn: str
    grade: Grade
    record: HealthRecord | None = None
    until: datetime | None = None

    @property
    def failed_share(self) -> int:
        """The technical failures among its tries."""
        return 0 if self.record is None else share(self.record.failed, self.record.tries)

    @property
    def declined_share(self) -> int:
        """What it declined by a business rule among its tries."""
        return 0 if self.record is None else share(self.record.declined, self.record.tries)

    @property
    def unknown_share(self) -> int:
        """What is still unknown among its tries."""
        return 0 if self.record is None else share(self.record.unknown, self.record.tries)


@dataclass(frozen=True, slots=True)
class StopLine:
    """One planned stop of a biller, and whether it was announced as long before as is promised."""

    name_en: str
    name_bn: str
    stop: PlannedStop
    is_in_time: bool


def stop_lines(promises: Promises, world: World) -> Sequence[StopLine]:
    """The planned stops that payers are told of, and those of the last month, the newest first."""
    now, notice = world.clock.now(), promises.stop_notice
    profiles = [one.profile for one in world.billers.all() if one.profile.status == ACTIVE]
    lines = [
        StopLine(profile.name_en, profile.name_bn, stop, stop.keeps(notice))
        for profile in profiles
        for stop in profile.stops
        if stop.is_known(now, notice) or now - _STOPS_SHOWN <= stop.ends_at <= now
    ]
    return sorted(lines, key=lambda line: line.stop.begins_at, reverse=True)


async def health_lines(
    records: Mapping[str, HealthRecord], promises: Promises, world: World
) -> Sequence[HealthLine]:
    """Every active institution, by group, the worst grade first, then by name."""
    candidates = await world.routing.candidates()
    broken = {one.connector_id for one in candidates if one.breaker is BreakerState.OPEN}
    connectors = (
        _connector_line(one.profile, records.get(one.profile.id), promises, world, one.profile.id in broken)
        for one in world.connectors.all()
        if one.profile.status == ACTIVE
    )
    now = world.clock.now()
    billers = (
        _biller_line(one.profile, records.get(one.profile.id), promises, now)
        for one in world.billers.all()
        if one.profile.status == ACTIVE
    )
    return sorted((*connectors, *billers), key=_place)


def kept_share(lines: Iterable[HealthLine]) -> int | None:
    """The share of the billers' answers that kept the promise in the last day, None without any."""
    records = [line.record for line in lines if line.group == BILLERS and line.record is not None]
    end_count = sum(record.end_count for record in records)
    return share(sum(record.in_time for record in records), end_count) if end_count else None


def _connector_line(
    profile: ConnectorProfile,
    record: HealthRecord | None,
    promises: Promises,
    world: World,
    is_broken: bool,  # noqa: FBT001 - one line of a table
) -> HealthLine:
    until = down_until(world.routing.rules.calendar.get(profile.id, ()), world.clock.now())
    grade = grade_of(record, promises, is_stopped=until is not None)
    if is_broken and until is None:
        grade = Grade.TROUBLED
    group = profile.instrument if profile.instrument in GROUPS else "account"
    return HealthLine(profile.id, group, profile.name_en, profile.name_bn, grade, record, until)


def _biller_line(
    profile: BillerProfile, record: HealthRecord | None, promises: Promises, now: datetime
) -> HealthLine:
    until = max((stop.ends_at for stop in profile.stops if stop.is_on(now)), default=None)
    grade = grade_of(record, promises, is_stopped=until is not None)
    return HealthLine(profile.id, BILLERS, profile.name_en, profile.name_bn, grade, record, until)


def _place(line: HealthLine) -> tuple[int, int, str]:
    return GROUPS.index(line.group), _WORST_FIRST.index(line.grade), line.name_en
