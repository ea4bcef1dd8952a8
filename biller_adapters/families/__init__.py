"""One module a protocol; which one a biller speaks is the `family` in its manifest."""
