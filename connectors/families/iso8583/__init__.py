"""Banks' host links over ISO 8583:1987, and their consent pages (docs/protocols/iso8583-host-link.md).

What may surprise: a host cannot be asked what became of a request. Where its outcome is unknown it is taken
back, again and again until the host confirms that, and only then is the payer free to pay anew.
"""
