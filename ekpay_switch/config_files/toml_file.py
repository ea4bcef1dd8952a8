"""Reading a file of configuration: what is wrong with it is told with the file and the place."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ConfigFileError(ValueError):
    """A file of configuration cannot be used; the text names the file and the place in it."""

    def __init__(self, name: str, fault: str) -> None:
        """Build the text from the file's name and `fault`, which says where and what."""
        super().__init__(f"{name}: {fault}")
        self.fault = fault


def toml_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigFileError: it is not UTF-8; the text names the first byte that is not, counted from 0.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        # As a text file is read, whose ends of lines are Windows' own or ours.
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        fault = f"not UTF-8: byte {problem.start} is 0x{content[problem.start]:02x}"
        raise ConfigFileError(path.name, fault) from problem


def toml_tables(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        ConfigFileError: it is not UTF-8 or not TOML.
        OSError: it cannot be read.
    """
    text = toml_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigFileError(path.name, f"not TOML: {problem}") from problem


def read_config_file(path: Path, model: type[Model]) -> Model:
    """What a file says, by its model.

    Raises:
        ConfigFileError: it is not UTF-8 or not TOML, or breaks a rule of the model; every fault is named.
        OSError: it cannot be read.
    """
    tables = toml_tables(path)
    try:
        return model.model_validate(tables)
    except ValidationError as problem:
        raise ConfigFileError(path.name, model_faults(problem)) from problem


def model_faults(problem: ValidationError) -> str:
    """Each wrong setting with its reason, in one line."""
    faults = problem.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'the whole'}: {fault['msg']}" for fault in faults
    )
