"""The command `ekpay`: what people type, and nothing that money depends on."""
