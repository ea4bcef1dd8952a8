"""Lines of our banks' statements that nothing explains: found, linked, split, returned."""
