"""The paper of a demand."""
