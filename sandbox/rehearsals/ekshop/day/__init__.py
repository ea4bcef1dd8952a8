"""One day of the shop: thousands of orders with realistic problems, and the comparison of all books."""
