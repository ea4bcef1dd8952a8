"""An SMS gateway, simulated: it takes text messages by HTTP and shows them in an inbox instead of on phones.

The protocol is that of SSL Wireless' SMS Plus (iSMS) API v3, which GenNet speaks too. Its members, limits and
codes are taken from public integrators' documentation, not from a contract: confirm them with the gateway.
"""
