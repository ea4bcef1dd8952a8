"""The migrations from 0026 on; the newest folder is where `make migration` writes."""
