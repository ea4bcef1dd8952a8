"""Collecting money from payers: pages, inquiries, and the delivery that follows."""
