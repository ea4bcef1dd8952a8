"""Books and collections in a database of each test, whose processes and connections die."""

from tests.persistence.conftest import books, till

__all__ = ["books", "till"]
