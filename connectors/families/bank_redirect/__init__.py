"""Gateways of banks that take a payer by a page of their own (connectors.md 8, 9 and 11.3).

Three dialects that share their order of steps and nothing on the wire: DBBL's JSON with a signed result,
Sonali's SPG with a split over credit accounts, City Bank's orders under mutual TLS. What may surprise: the
payer's agreement itself moves the money, so there is nothing to execute, and none of the three has a public
call to give it back.
"""
