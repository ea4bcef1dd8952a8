"""What flows and wings need of the world outside, as protocols; a module for each noun."""
