"""Storing who owns which alarm and the business days, as this installation's files say."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.config_files.alarms import read_alarm_terms, read_business_days
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.persistence.alarms.terms import store_alarm_terms


async def store_configured_terms(engine: AsyncEngine, config: Path, now: datetime) -> None:
    """Store the terms of every alarm and the business days from today on; the same ones change nothing.

    Raises:
        ValueError: one of the files is malformed.
    """
    days = read_business_days(config / "calendar.toml", business_date(now))
    await store_alarm_terms(engine, read_alarm_terms(config / "alarms.toml"), days)
