"""A partner's own client of the syndicate API, as a bank or wallet would have written it."""
