"""`ekpay serve`, `worker`, `migrate`, `db`, `audit` and `doctor`."""
