"""Files exchanged with batch billers: scrolls and bill files."""
