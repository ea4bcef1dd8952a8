"""Double entry: entries, and which accounts move at which moment."""
