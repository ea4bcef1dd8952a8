"""Banks with a gateway of their own: DBBL and its Rocket, Sonali Payment Gateway, City Bank.

Three dialects, each a codec of its own written from connectors.md 8, 9 and 11.3. Note: none of
them counts a merchant's reference once, so the same reference again opens another order.
"""
