"""Money collected by connectors: their answers, and what follows from them."""
