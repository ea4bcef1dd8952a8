"""Notifications in PostgreSQL: the queue, endpoints, and the log of deliveries."""
