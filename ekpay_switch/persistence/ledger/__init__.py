"""The books beyond payments: settlement windows, frozen lines, adjustments, deposits at utilities."""
