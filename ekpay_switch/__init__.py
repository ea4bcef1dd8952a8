"""The switch: takes a payment order, asks the right institution, keeps the books.

This package is the core. It imports no wing; connectors, billers and reconciliation plug
in by entry point.
"""

from ekpay_switch.shipped_folders import make_wings_importable

make_wings_importable()
