"""Buffers of one file serve the next one; what a C library cannot do changes nothing."""

import ctypes

import pytest

from reconciliation.cli.allocator import keep_buffers


def test_both_bounds_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    class Library:
        @staticmethod
        def mallopt(number: int, size: int) -> int:
            asked.append((number, size))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    assert keep_buffers()
    assert asked == [(-3, 32 << 20), (-1, 256 << 20)]


def test_a_library_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_buffers()
