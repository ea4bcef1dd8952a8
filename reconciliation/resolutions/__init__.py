"""What finance decides about breaks: by two persons, posted with the decision, reversed and never edited."""
