"""Payment gateways of banks with a page of their own (connectors.md 8, 9 and 11.3).

Three dialects that share the order of steps but no wire format: DBBL's JSON with a signed result, Sonali's
SPG with a split over credit accounts, City Bank's orders under mutual TLS. The payer's agreement moves the
money, so nothing is executed, and none of the three has a public refund call.
"""
