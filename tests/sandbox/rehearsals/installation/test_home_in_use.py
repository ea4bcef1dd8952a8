"""One installation a folder, and what its user's environment says of far sides and trusted hosts."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.rehearsals.installation.home_folder import HomeInUseError, hold_home
from sandbox.rehearsals.installation.installation import LOGINS, Stage, StageSettings

HOLDS = """
import sys
from pathlib import Path
from sandbox.rehearsals.installation.home_folder import hold_home
with hold_home(Path(sys.argv[1]), 'ekpay run'):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_another_process_keeps_is_refused_until_it_has_ended(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = [sys.executable, "-c", HOLDS, str(home)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        said = rf"ekpay run \(process {other.pid}\) runs in {home}"
        with pytest.raises(HomeInUseError, match=said), hold_home(home, "ekpay demo"):
            pass
        other.kill()
    with hold_home(home, "ekpay demo"):
        pass


def a_stage(home: Path) -> Stage:
    return Stage(StageSettings(home, 8180, {"desco": 8190}, {"desco": 8290}, 8300, 8301))


async def test_the_users_far_sides_and_trusted_hosts_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_DESCO_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("EKPAY_WEBHOOK_TRUSTED_HOSTS", "localhost:3000")
    monkeypatch.setenv("EKPAY_PUBLIC_URL", "https://pay.example")
    environment = a_stage(tmp_path).tool.environment
    assert environment["EKPAY_DESCO_URL"] == "http://127.0.0.1:9000"
    assert environment["EKPAY_WEBHOOK_TRUSTED_HOSTS"] == "127.0.0.1:8301,localhost:3000"
    assert environment["EKPAY_PUBLIC_URL"] == "http://127.0.0.1:8180"


async def test_a_stage_with_an_sms_gateway_tells_the_switch_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(replace(a_stage(tmp_path).setting, sms_port=8208))
    environment = stage.tool.environment
    assert environment["EKPAY_SMS_URL"] == "http://127.0.0.1:8208"
    assert environment["EKPAY_SMS_SENDER_ID"] == "EKPAY"
    assert len(environment["EKPAY_SMS_API_TOKEN"]) >= 20
    monkeypatch.setenv("EKPAY_SMS_URL", "http://127.0.0.1:9000")
    assert Stage(stage.setting).tool.environment["EKPAY_SMS_URL"] == "http://127.0.0.1:9000"


async def test_a_stage_without_an_sms_gateway_sends_nothing_to_that_of_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_SMS_URL", "https://sms.example")
    assert "EKPAY_SMS_URL" not in a_stage(tmp_path).tool.environment


async def test_logins_are_stored_for_their_owner_alone(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    stage.setting.sandbox_home.mkdir(parents=True)
    stage.save_logins()
    path = stage.setting.sandbox_home / LOGINS
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert {"EKPAY_DESCO_URL", "EKPAY_DESCO_USER", "EKPAY_DESCO_PASSWORD"} <= stored.keys()
    assert not {"EKPAY_HOME", "EKPAY_PUBLIC_URL"} & stored.keys()
    assert path.stat().st_mode & 0o077 == 0
