"""Notifications to partners and merchants."""
