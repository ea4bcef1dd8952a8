"""Disputes: what a payer's bank contests through its connector, step by step until the money is final."""
