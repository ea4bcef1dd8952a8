"""Another ekPay-compatible switch, of which ours is a partner; its messages name their institution.

The wire is the syndicate API of ekpay-syndicate-api.md; whatever is marked ours there is as there.
"""
