"""`ekpay agents`: operators of agents and their cash drawers."""
