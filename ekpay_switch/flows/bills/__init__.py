"""Bills: fetching them from billers, with a quote bound to each."""
