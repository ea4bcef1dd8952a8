"""Clients of the simulated institutions' admin APIs: unpaid bills, faults, and books."""
