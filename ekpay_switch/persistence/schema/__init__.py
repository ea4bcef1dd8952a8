"""The tables of the switch, a module for each noun; `whole_schema` knows all of them.

A module is imported for its own tables alone, so that a command does not define ninety to read three.
"""
