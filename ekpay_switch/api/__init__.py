"""HTTP in, HTTP out, nothing else: reading requests strictly, calling a flow, writing its answer."""
