"""The command line that `ekpay billers show` prints for each biller names a bill that the sandbox has."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ekpay_switch.cli.billers.profiles import NoTokens, NoWire
from ekpay_switch.cli.billers.show import example_command, example_fields
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from ekpay_switch.plugins import load_billers
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.system_clock import SystemClock
from sandbox import commands
from sandbox.billers.breb.institution import BrebInstitution
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.desco.institution import DescoInstitution
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.nesco.institution import NescoInstitution
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.billers.offices.demands import OfficeAccounts
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import FarSide
from sandbox.registry import BILLER_FAMILIES
from sandbox.rehearsals.demo.paying.single_payment import Say, SinglePaymentRequest

CONFIG = Path(__file__).parents[2] / "config"
PROFILES = [
    adapter.profile for adapter in load_billers(CONFIG, NoWire(), NoTokens(), SystemClock(), 1.0).all()
]


@pytest.fixture(scope="module")
def far_sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FarSide]]:
    """Every simulated biller, by the id that the switch knows it by; nothing is served."""
    home = tmp_path_factory.mktemp("billers")
    opened: list[FarSide] = [
        DescoInstitution.open(DescoSettings(home=home, accounts=20), Clock()),
        BrebInstitution.open(BrebSettings(home=home, accounts=20), Clock()),
        NescoInstitution.open(NescoSettings(home=home, accounts=20), Clock()),
    ]
    by_id = dict(zip(("desco_postpaid", "breb_postpaid", "nesco_prepaid"), opened, strict=True))
    for family_type in BILLER_FAMILIES.values():
        family = family_type.open(BillerSettings(home=home, accounts=20), Clock())
        opened.append(family)
        by_id |= dict.fromkeys(family.billers, family)
    yield by_id
    for far_side in opened:
        far_side.close()


def bill_members(command: str, monkeypatch: pytest.MonkeyPatch) -> SinglePaymentRequest:
    """What `ekpay sandbox pay` was told to pay, by its own parser."""
    asked: list[SinglePaymentRequest] = []

    async def remember(request: SinglePaymentRequest, _say: Say) -> None:
        asked.append(request)

    monkeypatch.setattr(commands, "pay_once", remember)
    program, *arguments = shlex.split(command)
    result = CliRunner().invoke(commands.app, arguments[1:])
    assert (program, arguments[0], result.exit_code) == ("ekpay", "sandbox", 0), result.output
    return asked[0]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_the_example_of_every_biller_is_understood_and_names_a_bill_of_the_sandbox(
    profile: BillerProfile, far_sides: dict[str, FarSide], monkeypatch: pytest.MonkeyPatch
) -> None:
    far_side = far_sides[profile.id]
    answer = far_side.admin_api().queries()["cast"]({"house": profile.id, "kind": "normal"})
    fields = answer["fields"]
    assert isinstance(fields, dict)
    request = bill_members(example_command(profile, fields), monkeypatch)
    chosen = chosen_parameters(profile, request.members)
    assert (request.biller, isinstance(chosen, dict)) == (profile.ekpay_id, True), chosen
    assert isinstance(chosen, dict)
    if isinstance(far_side, BillerFamily):
        accounts = far_side.billers[profile.id].accounts
        # At an office several fields decide together which demand is meant.
        has_bill = accounts.find_demand if isinstance(accounts, OfficeAccounts) else accounts.find_bills
        assert has_bill(chosen)
    else:
        assert chosen == fields


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_without_a_sandbox_the_example_is_as_the_biller_writes_it(
    profile: BillerProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = bill_members(example_command(profile, example_fields(profile)), monkeypatch)
    assert isinstance(chosen_parameters(profile, request.members), dict)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pay"], "which bill?"),
        (["pay", "--param", "bllr_accno"], "is not MEMBER=TEXT"),
        (["pay", "--param", "=7"], "is not MEMBER=TEXT"),
        (["pay", "--account", "1", "--param", "bllr_accno=2"], "bllr_accno is named twice"),
    ],
)
def test_a_bill_that_is_not_named_well_is_refused_before_anything_is_sent(
    arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(commands.app, arguments)
    assert (result.exit_code, said in " ".join(result.output.split())) == (2, True), result.output
