"""The end of a day at every simulated institution: the files that it leaves of its own book."""
