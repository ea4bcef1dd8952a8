"""What the portal does for citizens beside their bills: codes, messages, tracking."""
