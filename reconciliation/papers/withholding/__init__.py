"""Papers of tax withheld from payouts: the return and the certificates of a month."""
