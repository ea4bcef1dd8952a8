"""Simulated billers: utilities, offices and aggregators that state bills and post payments."""
