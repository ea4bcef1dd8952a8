"""A citizen who pays bills at the portal of the switch, as a browser without scripts sees it."""
