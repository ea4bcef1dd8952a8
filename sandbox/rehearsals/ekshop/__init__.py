"""Orders at ekShop: a single one by hand, and a whole day of them."""
