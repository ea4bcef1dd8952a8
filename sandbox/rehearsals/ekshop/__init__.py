"""Orders at ekShop: a single one, and a whole day of them."""
