"""What is said when a rehearsal breaks off: each cause in one line, the whole trace in a file."""

import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

import sandbox

_ROOT = Path(str(sandbox.__file__)).parent.parent
_LIBRARIES = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
_TRACE = "failure.log"
_MESSAGE_MAX = 200


def causes_of(problem: BaseException) -> Iterator[BaseException]:
    """The single errors within a group of errors, or the error itself."""
    if isinstance(problem, BaseExceptionGroup):
        for part in problem.exceptions:
            yield from causes_of(part)
    else:
        yield problem


def cause_line(cause: BaseException) -> str:
    """Type, first line of the message and place of one error, without the trace."""
    message = next(iter(str(cause).splitlines()), "")[:_MESSAGE_MAX]
    said = f": {message}" if message else " without a message"
    return f"{type(cause).__name__}{said}, at {_place(cause)}"


def write_trace(problem: BaseException, logs: Path) -> Path:
    """Write the whole trace into the folder of the logs; return the file."""
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / _TRACE
    path.write_text("".join(traceback.format_exception(problem)), encoding="utf-8")
    return path


def _place(cause: BaseException) -> str:
    """The innermost line outside libraries that the error passed; the last line where it passed none."""
    frames = traceback.extract_tb(cause.__traceback__)
    if not frames:
        return "an unknown place"
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(p) for p in _LIBRARIES)]
    frame = (own or frames)[-1]
    path = Path(frame.filename)
    name = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path.name
    return f"{name}:{frame.lineno} in {frame.name}"
