"""The books beside payments: settlement windows, frozen lines, adjustments, deposits at utilities."""
