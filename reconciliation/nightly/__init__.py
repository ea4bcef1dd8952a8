"""The night over the real books: windows closed, files and frozen lines judged, everything kept at once."""
