"""A simulated Nagad: two sealed calls, a page, an open answer to whoever asks, and refunds (DFS v-0.2.0)."""
