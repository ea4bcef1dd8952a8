"""Agents, who pay for others at a counter: operators, cash drawers and orders."""
