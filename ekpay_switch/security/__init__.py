"""Keys, envelopes, tokens and identifiers. Imports nothing of ours but itself."""
