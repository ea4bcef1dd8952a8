"""Generates a month to reconcile: our books, the files of every institution, and a sealed key of all breaks.

It is written from `docs/protocols/reconciliation-month.md` and shares no code with the engine that reads it.
"""
