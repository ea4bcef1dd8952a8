"""`ekpay reconcile`, `ekpay report` and `ekpay settle`: heavy modules are imported when a command runs."""
