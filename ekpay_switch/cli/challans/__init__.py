"""`ekpay merchants challan-access`."""
