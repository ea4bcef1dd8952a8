"""Reading the profiles of connectors without calling any far side."""

from ekpay_switch.cli.billers.profiles import NoTokens, NoWire
from ekpay_switch.plugins import load_connectors
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.settings import Settings
from ekpay_switch.system_clock import SystemClock


def profiles_of(settings: Settings) -> list[ConnectorProfile]:
    """The profile of every connector whose manifest can be read; raises what the wings raise."""
    connectors = load_connectors(settings.config, NoWire(), NoTokens(), SystemClock(), settings.time_divisor)
    return [connector.profile for connector in connectors.all()]
