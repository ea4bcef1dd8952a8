"""The whole schema is that of every module beside it."""

from pathlib import Path

from ekpay_switch.persistence.schema import whole_schema


def test_the_whole_schema_imports_every_module_of_its_folder() -> None:
    modules = {path.stem for path in Path(whole_schema.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "whole_schema"} <= vars(whole_schema).keys()
