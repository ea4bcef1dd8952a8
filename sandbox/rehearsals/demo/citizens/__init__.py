"""Citizens at the portal of a demo: what they do, what they read, and whether the books say so."""
