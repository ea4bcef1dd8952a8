"""`ekpay alarms`."""
