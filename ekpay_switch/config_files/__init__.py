"""Reading files under `config/` into values of the core; a row that is not understood stops the start."""
