"""`ekpay disputes`: what payers contest through their connectors."""
