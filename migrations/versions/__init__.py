"""The migrations, oldest first by number, in folders of a size that a reader surveys."""
