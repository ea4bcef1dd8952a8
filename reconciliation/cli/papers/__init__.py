"""What finance types for papers of a period."""
