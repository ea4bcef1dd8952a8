"""What flows and wings need of the outside world, as protocols; one module for each noun."""
