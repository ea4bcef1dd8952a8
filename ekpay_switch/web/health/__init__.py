"""`/status`: how each institution does, for everybody."""
