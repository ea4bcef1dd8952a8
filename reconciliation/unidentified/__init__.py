"""Unidentified items: lines of our banks that nothing explains, their events, and the proof of both."""
