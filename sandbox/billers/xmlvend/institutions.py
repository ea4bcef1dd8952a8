"""The utilities of this family, from `institutions.toml`."""

from pathlib import Path

from sandbox.billers.prepaid.utility import PrepaidUtility
from sandbox.kit.biller.institution_file import load_institutions

FAMILY = "xmlvend"

INSTITUTIONS = load_institutions(Path(__file__).with_name("institutions.toml"), FAMILY, PrepaidUtility)
