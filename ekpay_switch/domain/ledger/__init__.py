"""Double entry: journal entries, and which accounts each moment moves."""
