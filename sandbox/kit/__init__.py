"""What simulated institutions, and those who call them, are built from."""
