"""The commands of `ekpay settle unidentified`."""
