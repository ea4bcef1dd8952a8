"""Breaks: their codes, findings, diagnosis and explanation for people."""
