"""Settlement lines of all parties, the cycles they belong to, their net positions and the trust cover."""
