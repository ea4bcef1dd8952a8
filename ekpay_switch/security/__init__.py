"""Ground floor: keys, envelopes, tokens and identifiers. Imports nothing of ours but itself."""
