"""`ekpay merchants`."""
