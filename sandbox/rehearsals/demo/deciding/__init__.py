"""The end of a demo: what waits on persons is decided by two of them, and every open alarm is explained."""
