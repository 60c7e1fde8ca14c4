"""The service does not start unsafely, and says what to do."""

import pytest

from annotation.passwords import check_password, hash_password, needs_rehash
from annotation.settings import load_settings
from cli.main import main
from workbench.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCORD_ENVIRONMENT", "ACCORD_SECRET_KEY", "ACCORD_SESSION_HOURS"):
        monkeypatch.delenv(name, raising=False)


def test_no_secret_outside_development_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ACCORD_SECRET_KEY is not set.*openssl rand -hex 32"):
        load_settings()


def test_serve_exits_with_1_and_the_way_out(home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 1
    assert "ACCORD_ENVIRONMENT=development" in capsys.readouterr().err


def test_development_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_ENVIRONMENT", "development")
    assert load_settings().secure_cookies is False


def test_short_secret_and_unknown_environment_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_SECRET_KEY", "short")
    with pytest.raises(ConfigError, match="has 5 characters; it needs 32"):
        load_settings()
    monkeypatch.setenv("ACCORD_SECRET_KEY", "x" * 32)
    assert load_settings().secure_cookies is True
    monkeypatch.setenv("ACCORD_ENVIRONMENT", "staging")
    with pytest.raises(ConfigError, match=r"ACCORD_ENVIRONMENT.*'staging'"):
        load_settings()


def test_secret_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_SECRET_KEY", "x" * 32)
    assert "x" * 32 not in repr(load_settings())


def test_passwords() -> None:
    made = hash_password("correct horse battery")
    assert made.startswith("$argon2id$") and not needs_rehash(made)
    assert check_password("correct horse battery", made)
    assert not check_password("wrong horse battery", made)
    assert not check_password("anything at all", None)
    assert not check_password("anything at all", "not a hash")
    with pytest.raises(DataError, match="10 to 1000 characters, this one has 5"):
        hash_password("short")
