"""The flows: each is one function, read top to bottom, that uses the outside world through ports alone."""
