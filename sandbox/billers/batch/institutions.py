"""The billers of this family, from `institutions.toml`."""

from pathlib import Path

from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.institution_file import load_institutions

FAMILY = "batch"

INSTITUTIONS = load_institutions(Path(__file__).with_name("institutions.toml"), FAMILY, BillerInstitution)
