"""Citizens who pay at the portal: how they prove who they are, and what they are told."""
