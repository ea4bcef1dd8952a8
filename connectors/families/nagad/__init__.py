"""Nagad's payment gateway (DFS API, version v-0.2.0; connectors.md 2).

What may surprise: the payer's agreement on Nagad's page moves the money, and nobody signs what Nagad's verify
call answers. So the plain answer of that call, over TLS, is all that proves a payment.
"""
