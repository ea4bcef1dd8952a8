"""Bills that are raised here, and the codes of their notices."""
