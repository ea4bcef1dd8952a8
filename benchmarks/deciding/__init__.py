"""What people wait for at the desk: lists of alarms and of cases, and the sweep behind them."""
