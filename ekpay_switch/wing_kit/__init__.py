"""What wings that speak to far sides share: tokens, reading of replies, the general part of a manifest.

It stands on the ports and imports no other room of the core, so a wing that uses it reaches nothing else.
"""
