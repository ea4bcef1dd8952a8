"""What both edges, the APIs and the web pages, are built with; it knows neither of them."""
