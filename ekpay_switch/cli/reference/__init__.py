"""Pages of docs that are generated from tables of the code."""
