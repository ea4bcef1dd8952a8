"""A simulator's book only grows, and the collector must not walk it again and again."""

import gc

from sandbox.kit.institution.server import frozen_garbage_collection


class _Row:
    """Something that the collector looks after."""


def test_what_outlives_a_full_collection_is_not_walked_again() -> None:
    try:
        with frozen_garbage_collection():
            book = [_Row() for _ in range(10_000)]
            before = gc.get_freeze_count()
            gc.collect()
            assert gc.get_freeze_count() >= before + len(book)
            more = [_Row() for _ in range(10_000)]
            gc.collect(1)
            assert gc.get_freeze_count() < before + len(book) + len(more), "a partial collection froze"
    finally:
        gc.unfreeze()


def test_afterwards_the_collector_is_as_it_was() -> None:
    callbacks = list(gc.callbacks)
    try:
        with frozen_garbage_collection():
            assert len(gc.callbacks) == len(callbacks) + 1
        assert gc.callbacks == callbacks
    finally:
        gc.unfreeze()
