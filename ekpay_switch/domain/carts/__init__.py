"""Carts of bills: bills of any billers that a citizen pays by one payment."""
