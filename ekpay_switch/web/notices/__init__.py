"""The notice of a bill on paper: what it says, in both languages, and how it is set as PDF."""
