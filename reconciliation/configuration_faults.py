"""What is wrong with a configuration file, in words for the person who wrote it."""

from pydantic import ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, model_faults


def fault_wording(problem: Exception) -> str:
    """Each wrong setting with its reason, in one line; any other exception as its own message."""
    if isinstance(problem, ConfigFileError):
        return problem.fault
    return model_faults(problem) if isinstance(problem, ValidationError) else str(problem)
