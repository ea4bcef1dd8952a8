"""A simulated Nagad: encrypted calls, a page, an unauthenticated verification, refunds (DFS v-0.2.0)."""
