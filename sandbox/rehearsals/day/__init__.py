"""The end of a day at every simulated institution: the settlement files and statements that it sends."""
