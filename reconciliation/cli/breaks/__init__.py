"""The commands of `ekpay reconcile` with which finance works the breaks of a night and closes days."""
