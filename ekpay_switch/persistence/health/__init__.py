"""How institutions do, reckoned from attempts."""
