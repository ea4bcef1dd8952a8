"""The pure core: money, states, fees and ledger rules, with the standard library alone and no clock."""
