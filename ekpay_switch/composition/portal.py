"""How the portal is put together: its place among the merchants, and what its carts need."""

from ekpay_switch.composition.citizens import outcome_messages
from ekpay_switch.composition.switch import Switch
from ekpay_switch.config_files.portal import read_portal
from ekpay_switch.persistence.carts.portal import PortalNames, ensure_portal
from ekpay_switch.persistence.carts.stand_in_changes import PostgresStandInStops
from ekpay_switch.persistence.carts.store import PostgresCarts
from ekpay_switch.ports.carts import CartPorts, CartTerms


async def open_portal(switch: Switch) -> CartPorts:
    """The ports of carts, with the portal among the merchants.

    Raises:
        ValueError: config/portal.toml is malformed.
        MerchantExistsError: another partner has the portal's id.
    """
    settings = switch.settings
    file = read_portal(settings.config)
    await ensure_portal(switch.engine, PortalNames(file.name_en, file.name_bn, file.order_minutes))
    terms = CartTerms(
        bills_max=file.bills_max,
        patience_seconds=file.patience_minutes * 60 / settings.time_divisor,
        keep_hours=file.keep_hours,
    )
    messages = outcome_messages(switch)
    carts = PostgresCarts(switch.transactions, None if messages is None else messages.add)
    return CartPorts(switch.world, carts, PostgresStandInStops(switch.transactions), terms)
