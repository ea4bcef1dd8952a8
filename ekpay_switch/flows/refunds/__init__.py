"""Refunds through the connector that collected."""
