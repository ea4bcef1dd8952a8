import pytest

from ekpay_switch.settings import Settings, SettingsError, read_settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EKPAY_{name.upper()}", raising=False)


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_an_empty_environment_is_enough() -> None:
    settings = read_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8180)
    assert settings.database_url is None
    assert settings.config.name == "config"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_DATABASE_URL", "")
    assert read_settings().database_url is None


def test_settings_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1  # type: ignore[misc]


def test_no_text_form_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_DATABASE_URL", "postgresql://ekpay:open-sesame@db/ekpay")
    monkeypatch.setenv("EKPAY_MASTER_KEY", "open-sesame")
    settings = read_settings()
    assert settings.master_key is not None
    assert settings.master_key.get_secret_value() == "open-sesame"
    assert (
        "open-sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EKPAY_PORT", "eighty-secret"),
        ("EKPAY_PORT", "65536"),
        ("EKPAY_TIME_DIVISOR", "0.5"),
        ("EKPAY_TIME_DIVISOR", "inf"),
        ("EKPAY_TIME_DIVISOR", "nan"),
        ("EKPAY_LANES", "0"),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value).startswith(f"{name}: ")
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
