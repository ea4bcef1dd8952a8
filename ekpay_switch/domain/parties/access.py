"""Changes of who may act, and with which keys: each is asked for by one person and approved by another."""

from enum import StrEnum


class AccessKind(StrEnum):
    """What is asked for. The first three are about a person of the staff, the others about a client."""

    STAFF_ADDED = "staff_added"
    STAFF_ROLES = "staff_roles"
    STAFF_PASSPHRASE = "staff_passphrase"  # noqa: S105 - a kind's name
    PARTNER_ADDED = "partner_added"
    PARTNER_SECRET = "partner_secret"  # noqa: S105 - a kind's name
    API_KEY_ADDED = "api_key_added"
    MERCHANT_ADDED = "merchant_added"
    MERCHANT_KEY = "merchant_key"
    MERCHANT_TERMS = "merchant_terms"
    CHALLAN_ACCESS = "challan_access"
    CHALLAN_KEY = "challan_key"
    ENDPOINT_ADDED = "endpoint_added"
    ENDPOINT_KEY = "endpoint_key"
    ENDPOINT_SECRET = "endpoint_secret"  # noqa: S105 - a kind's name
    AGENT_OPERATOR = "agent_operator"
    BILL_ISSUER = "bill_issuer"


STAFF_KINDS = frozenset({AccessKind.STAFF_ADDED, AccessKind.STAFF_ROLES, AccessKind.STAFF_PASSPHRASE})
"""What is about a person of the staff, who may not approve it."""

CODED_KINDS = frozenset({AccessKind.STAFF_ADDED, AccessKind.STAFF_PASSPHRASE})
"""What lets a person choose a passphrase, with a code in two parts (docs/adr/0083)."""


class CameBy(StrEnum):
    """How a person came to the staff."""

    INSTALLATION = "installation"  # one of the first two
    TWO_PERSONS = "two_persons"
    RECOVERY = "recovery"  # by the owner of the database, where fewer than two were left
    BEFORE = "before"  # before two persons were needed
