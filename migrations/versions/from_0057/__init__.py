"""The migrations from 0057 on; the newest folder is where `make migration` writes."""
