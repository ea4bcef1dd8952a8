"""What is wrong with a file under config/, in one line for whoever has edited it."""

from pydantic import ValidationError


def fault_wording(problem: Exception) -> str:
    """Each wrong setting with its reason, in one line; any other exception as its own message."""
    if not isinstance(problem, ValidationError):
        return str(problem)
    faults = problem.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'the whole'}: {fault['msg']}" for fault in faults
    )
