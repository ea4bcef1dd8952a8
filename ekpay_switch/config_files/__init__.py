"""Reading files under `config/` into values of the core; an invalid row stops the start."""
