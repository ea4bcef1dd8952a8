"""Banks whose cards are taken by the hosted checkout of Mastercard Payment Gateway Services.

A codec of its own, written from connectors.md 11.1. What may surprise: an order comes into being over there
only when somebody tries to pay it, and the gateway's names of movements are unique within their order alone.
"""
