"""Seven banks' hosts that speak ISO 8583 over TCP, and the pages on which their payers agree.

The dialect is `docs/protocols/iso8583-host-link.md`, which is ours and no institution's. What may surprise:
the page moves no money, and hands out an alias that is good for one financial request.
"""
