"""The rows of citizens: contacts, one-time codes, text messages and their limits."""
