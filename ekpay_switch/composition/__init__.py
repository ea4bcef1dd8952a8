"""The composition roots: settings in, a running switch out; the only package that imports every other."""
