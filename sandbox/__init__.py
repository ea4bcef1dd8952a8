"""The far side of the switch: institutions with books of their own and partners that call us.

Nothing here imports the switch, and the switch never imports this. Amounts, dates and envelopes
are encoded a second time on purpose: one wrong codec shared by both sides would look right.
"""
