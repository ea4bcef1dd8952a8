"""`ekpay text-messages`: what citizens were sent."""
