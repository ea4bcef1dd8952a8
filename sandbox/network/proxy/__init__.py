"""A TCP proxy before every far side, which injects faults on demand.

It forwards any TCP and knows neither the switch nor an institution. A fault strikes one exchange: the
caller's bytes after the last answer byte, until their answer is over. A keep-alive connection carries many.
"""
