"""A shop's own client of REST v1, as its programmers would have written it from docs/rest-v1.md."""
