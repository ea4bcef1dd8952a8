"""The memory of processes that another one starts."""

import subprocess
import sys

from benchmarks.kit.process_memory import ChildMemory, child_pids, memory_mb

# A process whose child takes forty megabytes, and ends when its input does.
_CHILD = "import sys; held = bytearray(40_000_000); print('held', flush=True); sys.stdin.read()"
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_CHILD!r}])"


def test_the_peak_of_a_child_is_that_of_the_largest() -> None:
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"held\n"
        (child,) = child_pids(parent.pid)
        resident, peak = memory_mb(child)
        assert peak >= resident > 40
        with ChildMemory(parent.pid) as memory:
            while memory.together_peak_mb < resident:
                pass
        assert memory.peak_mb >= resident
        parent.communicate()

    assert memory_mb(child) == (0.0, 0.0)
    assert child_pids(parent.pid) == []
