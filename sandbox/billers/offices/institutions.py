"""The offices of this family, from `institutions.toml`."""

from pathlib import Path

from sandbox.billers.offices.office import LandTaxOffice, OfficeInstitution
from sandbox.kit.biller.institution_file import load_institutions

FAMILY = "offices"

INSTITUTIONS = load_institutions(
    Path(__file__).with_name("institutions.toml"),
    FAMILY,
    OfficeInstitution,
    kinds={"land_tax": LandTaxOffice},
)
