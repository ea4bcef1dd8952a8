"""The composition roots: settings in, a running switch out; the only room that knows every other."""
