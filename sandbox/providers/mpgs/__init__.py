"""Banks whose cards are taken by the hosted checkout of Mastercard Payment Gateway Services.

A codec of its own, written from connectors.md 11.1. Note: an order comes into being over there
only when its payer tries to pay, and the gateway's names of movements are unique within their order alone.
"""
