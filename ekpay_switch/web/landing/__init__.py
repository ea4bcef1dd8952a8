"""`/programs`: what this is and where everything is."""
