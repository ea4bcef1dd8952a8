"""The merchant API: ekPay's own, for merchants that change their base URL alone (docs/merchant-api.md)."""
