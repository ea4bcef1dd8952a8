"""`/agent`: the pages of an agent's operator."""
