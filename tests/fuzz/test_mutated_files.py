"""Valid files of every kind, spoiled at random: each is read or refused, whatever stands in it.

`make test-fuzz` gives 32,800 of them to their readers; this is a small share of these, and every seed that
ever broke a reader.
"""

from collections.abc import Iterator

import pytest

from tests.fuzz.fuzz_run import Chunk, fuzz
from tests.fuzz.kept_seeds import KEPT
from tests.fuzz.targets import MEGABYTES_MAX, Judge, targets
from tests.reconciliation.statement import hostile_files as hostile

_SEEDS = range(14)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    judge = Judge(tmp_path_factory.mktemp("fuzz"))
    yield judge
    judge.close()


@pytest.mark.parametrize("name", targets())
def test_a_valid_file_is_read_without_a_fault(name: str, judge: Judge) -> None:
    verdict = judge.judge(targets()[name], targets()[name].sample.content)
    assert (verdict.is_read, verdict.faults) == (True, ())


@pytest.mark.parametrize("name", targets())
def test_a_spoiled_file_is_read_or_refused(name: str, judge: Judge) -> None:
    """Not one breaks its reader, nor is one read whose rows or totals are not those of the file."""
    tally = fuzz(judge, Chunk(name, [*_SEEDS, *KEPT.get(name, ())]))
    assert tally.files >= len(_SEEDS)
    assert [str(failure) for failure in tally.failures] == []


def test_one_process_survives_them_all_in_little_memory(judge: Judge) -> None:
    before = set(hostile.reading_processes())
    for name in targets():
        fuzz(judge, Chunk(name, range(100, 102)))
    assert set(hostile.reading_processes()) == before
    assert 0 < judge.reader_megabytes < MEGABYTES_MAX


def test_a_seed_gives_the_same_file_again() -> None:
    for target in targets().values():
        assert target.mutation(7) == target.mutation(7)
        assert len({target.mutation(seed) for seed in _SEEDS}) > len(_SEEDS) // 2


def test_every_seed_that_is_kept_is_of_a_kind_that_there_is() -> None:
    assert KEPT.keys() <= targets().keys()
