"""Clients and their keys, given by two persons: above the rooms that write them."""
