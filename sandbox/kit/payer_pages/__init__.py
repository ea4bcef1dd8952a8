"""The pages that a provider shows its payers: their language, their look, and what a person types there."""
