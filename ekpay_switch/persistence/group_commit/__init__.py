"""Group commit: steps of concurrent callers, written together in one durable transaction."""
