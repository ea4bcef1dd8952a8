"""The command `ekpay`, for operators and finance."""
