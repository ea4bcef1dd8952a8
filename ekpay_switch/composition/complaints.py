"""How complaints are put together, for the pages and for the commands."""

from ekpay_switch.composition.citizens import citizen_sealer, gateway_access, portal_names
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings


def complaint_desk(settings: Settings, keys: KeyRing, transactions: ShortTransactions) -> PostgresComplaints:
    """Complaints in this installation's books; payers get a text message where one can be sent.

    Raises:
        ValueError: the gateway is only half set, or config/portal.toml is malformed.
    """
    names = None if gateway_access(settings) is None else portal_names(settings)
    return PostgresComplaints(transactions, citizen_sealer(keys), names)
