"""Paying for a payer who stands at an agent's counter."""
