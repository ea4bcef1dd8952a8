from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.kit.institution.clock import Clock
from sandbox.messaging.institution import SmsGateway
from sandbox.messaging.settings import SmsSettings
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.messaging.caller import SmsCaller


@pytest.fixture
def gateway(tmp_path: Path, clock: SetClock) -> SmsGateway:
    return SmsGateway.open(SmsSettings(home=tmp_path, slow_seconds=0.5, late_seconds=60), Clock(clock.now))


@pytest.fixture
async def sms(gateway: SmsGateway) -> AsyncIterator[SmsCaller]:
    async with served(gateway) as (session, origin):
        yield SmsCaller(session, origin)
