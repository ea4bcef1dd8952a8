"""How citizens' codes and text messages are put together; without a gateway there are none."""

from ekpay_switch.composition.switch import Switch
from ekpay_switch.config_files.portal import read_portal
from ekpay_switch.config_files.retention import read_retention
from ekpay_switch.config_files.text_messages import MessageRate, read_text_messages
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.citizens.cart_outcomes import CartOutcomeMessages
from ekpay_switch.persistence.citizens.contacts import PostgresCartContacts
from ekpay_switch.persistence.citizens.message_limits import MessageRates, PostgresMessageLimits
from ekpay_switch.persistence.citizens.one_time_codes import PostgresOneTimeCodes
from ekpay_switch.persistence.citizens.reminders import PostgresReminders
from ekpay_switch.persistence.citizens.saved_bills import PostgresSavedBills
from ekpay_switch.persistence.citizens.text_messages import PostgresTextMessages
from ekpay_switch.persistence.parties.shared_buckets import SharedRate
from ekpay_switch.ports.citizens import CitizenPorts, MessagePorts
from ekpay_switch.ports.reminders import ReminderPorts
from ekpay_switch.ports.world import Wire
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.settings import Settings
from ekpay_switch.wire.sms_gateway import GatewayAccess, SmsGateway

_SEALED_FIELDS = "citizens/1"


def gateway_access(settings: Settings) -> GatewayAccess | None:
    """Where the gateway of text messages is; None where this installation has none.

    Raises:
        ValueError: it is only half set.
    """
    if settings.sms_url is None:
        return None
    if settings.sms_api_token is None or not settings.sms_sender_id:
        raise ValueError("EKPAY_SMS_URL needs EKPAY_SMS_API_TOKEN and EKPAY_SMS_SENDER_ID")
    return GatewayAccess(settings.sms_url, settings.sms_sender_id, settings.sms_api_token.get_secret_value())


def citizen_ports(switch: Switch) -> CitizenPorts | None:
    """The ports of citizens; None where no text message can be sent, and so no code.

    Raises:
        ValueError: the gateway is only half set, or one of the three files is malformed.
    """
    settings, clock = switch.settings, switch.world.clock
    if gateway_access(settings) is None:
        return None
    limits = read_text_messages(settings.config)
    digests, sealer = CodeDigests(switch.keys), citizen_sealer(switch.keys)
    rates = MessageRates(
        by_address=_shared(limits.by_address),
        by_number=_shared(limits.by_number),
        by_neighbours=_shared(limits.by_neighbours),
        by_all=_shared(limits.by_all),
    )
    return CitizenPorts(
        contacts=PostgresCartContacts(switch.transactions, sealer),
        codes=PostgresOneTimeCodes(switch.transactions, digests, sealer),
        limits=PostgresMessageLimits(switch.engine, clock, rates, digests, switch.world.alarms),
        accounts=PostgresCitizenAccounts(switch.transactions, digests, sealer),
        saved_bills=PostgresSavedBills(switch.transactions, digests, sealer),
        reminders=PostgresReminders(switch.transactions, digests, sealer),
        portal_names=portal_names(settings),
        contact_days=read_retention(settings.config / "retention.toml").cart_contact_days,
        remind_days_before=read_portal(settings.config).remind_days_before,
    )


def outcome_messages(switch: Switch) -> CartOutcomeMessages | None:
    """What writes to payers how their carts ended; None where no text message can be sent.

    Raises:
        ValueError: the gateway is only half set, or config/portal.toml is malformed.
    """
    if gateway_access(switch.settings) is None:
        return None
    return CartOutcomeMessages(citizen_sealer(switch.keys), portal_names(switch.settings))


def reminder_ports(switch: Switch) -> ReminderPorts | None:
    """What reminding citizens of saved bills needs; None where no text message can be sent.

    Raises:
        ValueError: the gateway is only half set, or config/portal.toml is malformed.
    """
    if gateway_access(switch.settings) is None:
        return None
    digests, sealer = CodeDigests(switch.keys), citizen_sealer(switch.keys)
    reminders = PostgresReminders(switch.transactions, digests, sealer)
    days_before = read_portal(switch.settings.config).remind_days_before
    return ReminderPorts(reminders, switch.world, portal_names(switch.settings), days_before)


def message_ports(switch: Switch, wire: Wire) -> MessagePorts | None:
    """What sending text messages needs; None where there is no gateway.

    Raises:
        ValueError: the gateway is only half set.
    """
    access = gateway_access(switch.settings)
    if access is None:
        return None
    messages = PostgresTextMessages(switch.transactions, citizen_sealer(switch.keys))
    return MessagePorts(messages, SmsGateway(wire, access))


def portal_names(settings: Settings) -> dict[PayerLanguage, str]:
    """What the portal is called, by language.

    Raises:
        ValueError: config/portal.toml is malformed.
    """
    file = read_portal(settings.config)
    return {PayerLanguage.BANGLA: file.name_bn, PayerLanguage.ENGLISH: file.name_en}


def citizen_sealer(keys: KeyRing) -> Sealer:
    """What seals the numbers and words of citizens."""
    return Sealer(keys.sub_key(_SEALED_FIELDS))


def _shared(rate: MessageRate) -> SharedRate:
    return SharedRate(per_second=1 / rate.seconds, at_once=rate.at_once)
