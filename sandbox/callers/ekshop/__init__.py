"""A small web shop of several sellers that is paid through the merchant API and knows nothing else of us.

It has codecs and a book of its own. How it hears of payments can be changed while it runs, so that it can
be any of the merchants that ekpay-merchant-api.md 3 describes.
"""
