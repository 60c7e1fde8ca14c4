"""Settings of the labeling service, from the environment; outside development there is no default secret."""

from typing import Literal

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workbench.errors import ConfigError

SHORTEST_SECRET = 32


class Settings(BaseSettings):
    """The service's settings; each is read from the variable ACCORD_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="ACCORD_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "production"
    """In development cookies work over plain HTTP and a missing secret key is made up for the time of the process."""
    secret_key: SecretStr | None = None
    """Signs the session cookies; at least 32 characters. Whoever knows it can sign in as anybody."""
    session_hours: int = 12
    """How long a sign-in lasts."""

    public_url: str = ""
    """Where people reach the service, for the links it gives out: https://labels.example.org. By default as asked."""

    upload_megabytes: int = 64
    """Largest file that is taken on a page; larger ones are imported by the command."""

    webhook_private_addresses: bool = False
    """Whether webhooks may lead to addresses inside our own network, and over plain HTTP."""

    @model_validator(mode="after")
    def check(self) -> "Settings":
        """Refuse what would be unsafe, saying the way out."""
        secret = self.secret_key.get_secret_value() if self.secret_key else ""
        if self.environment == "production" and not secret:
            raise ValueError(
                "ACCORD_SECRET_KEY is not set; make one with `openssl rand -hex 32`, or set "
                "ACCORD_ENVIRONMENT=development on a machine of your own"
            )
        if secret and len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"ACCORD_SECRET_KEY has {len(secret)} characters; it needs {SHORTEST_SECRET} or more"
            )
        if self.session_hours < 1:
            raise ValueError(f"ACCORD_SESSION_HOURS must be 1 or more, got {self.session_hours}")
        return self

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies go over HTTPS only."""
        return self.environment == "production"


def load_settings() -> Settings:
    """The settings of this process; ConfigError with all that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            problem["msg"].removeprefix("Value error, ")
            if not problem["loc"]
            else f"ACCORD_{str(problem['loc'][0]).upper()}: {problem['msg']}, got {problem['input']!r}"
            for problem in error.errors()
        ]
        raise ConfigError("the service cannot start: " + "; ".join(problems)) from error
