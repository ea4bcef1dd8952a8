"""What the conformance runs of billers and connectors share."""
