"""The breaks of a generated month: their kinds, when they occur, and the noise that is no break."""
