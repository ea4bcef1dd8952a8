"""The connector for a payment."""
