"""A small web shop of several sellers that is paid through the merchant API alone.

It has codecs and a book of its own. Its handling of IPNs can be changed while it runs, so that it can act as
any merchant that ekpay-merchant-api.md 3 describes.
"""
