"""Tools that the APIs and the web pages share; it imports neither of them."""
