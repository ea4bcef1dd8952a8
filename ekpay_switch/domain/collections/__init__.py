"""Money brought in by connectors: what they answer, and what that leads to."""
