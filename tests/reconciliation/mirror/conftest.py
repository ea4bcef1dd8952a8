from tests.persistence.conftest import endpoint, place

__all__ = ["endpoint", "place"]
