"""One package a protocol; which one a connector speaks is the `family` in its manifest."""
