"""One day of the shop: thousands of orders, all that befalls real ones, and the proof of all books."""
