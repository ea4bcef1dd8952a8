"""Partners of a demo that pay bills: their script, their load, and network faults."""
