"""The citizen portal: whoever has a bill finds its biller, and pays several bills by one payment."""
