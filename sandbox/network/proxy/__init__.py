"""A TCP proxy before every far side, which misbehaves on demand.

It forwards any TCP and knows neither the switch nor an institution. What it strikes is an exchange: the
caller's bytes after the last answer byte, until their answer is over. A kept-alive connection carries many.
"""
