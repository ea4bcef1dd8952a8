"""`ekpay billers deposits`, and what finance commands of other packages get from the core."""
