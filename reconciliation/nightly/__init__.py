"""The nightly run over the ledger: windows closed, files matched with frozen lines, one commit."""
