"""What citizens meet at the portal."""
