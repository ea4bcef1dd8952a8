"""Alarms as rows: raised in the transaction of their cause, worked through by people, ended by evidence."""
