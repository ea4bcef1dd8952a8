"""The flows: each is one function, read top to bottom, that reaches the world through ports alone."""
