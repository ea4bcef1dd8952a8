"""Nagad's payment gateway (DFS API, version v-0.2.0; connectors.md 2).

The payer's agreement on Nagad's page moves the money, and the answer of Nagad's verify call is not signed. So
that answer, over TLS, is the only proof of a payment.
"""
