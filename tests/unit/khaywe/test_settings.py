from pathlib import Path

import pytest

from khaywe.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    """Without any variable, everything runs on this machine, in ./var."""
    expected = Settings(
        home=Path.cwd() / "var",
        database_url=None,
        host="127.0.0.1",
        port=8000,
        database_port=None,
        signing_key_file=Path.cwd() / "var" / "signing-key.pem",
    )
    assert expected == Settings.from_environment({})


def test_every_variable_is_read() -> None:
    """Each variable sets its field."""
    environ = {
        "KHAYWE_HOME": "/srv/khaywe",
        "KHAYWE_DATABASE_URL": "postgresql://ledger@db/khaywe",
        "KHAYWE_HOST": "::",
        "KHAYWE_PORT": "80",
        "KHAYWE_DATABASE_PORT": "5433",
        "KHAYWE_SIGNING_KEY_FILE": "/run/secrets/key.pem",
        "KHAYWE_WEBHOOK_ALLOW_PRIVATE": "1",
        "KHAYWE_GUESSES_PER_S": "500",
    }
    key = Path("/run/secrets/key.pem")
    expected = Settings(
        Path("/srv/khaywe"),
        "postgresql://ledger@db/khaywe",
        "::",
        80,
        5433,
        key,
        webhook_allow_private=True,
        guesses_per_s=500,
    )
    assert expected == Settings.from_environment(environ)


def test_an_empty_variable_counts_as_not_set() -> None:
    """`KHAYWE_X=` in a compose file means the default."""
    names = ["KHAYWE_HOME", "KHAYWE_DATABASE_URL", "KHAYWE_HOST", "KHAYWE_PORT", "KHAYWE_DATABASE_PORT"]
    assert Settings.from_environment({}) == Settings.from_environment(dict.fromkeys(names, ""))


def test_home_is_made_absolute() -> None:
    """A relative home is taken from the current folder, `~` is the user's."""
    assert Path.cwd() / "here" == Settings.from_environment({"KHAYWE_HOME": "here"}).home
    assert Path.home() / "there" == Settings.from_environment({"KHAYWE_HOME": "~/there"}).home


def test_database_port_zero_is_not_the_same_as_unset() -> None:
    """0 asks for the Unix socket only."""
    assert Settings.from_environment({"KHAYWE_DATABASE_PORT": "0"}).database_port == 0


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("KHAYWE_PORT", "http", "a whole number from 1 to 65535"),
        ("KHAYWE_PORT", "0", "a whole number from 1 to 65535"),
        ("KHAYWE_PORT", "8_000", "a whole number from 1 to 65535"),
        ("KHAYWE_PORT", "٨٠", "a whole number from 1 to 65535"),
        ("KHAYWE_DATABASE_PORT", "-1", "a whole number from 0 to 65535"),
        ("KHAYWE_DATABASE_PORT", "65536", "a whole number from 0 to 65535"),
        ("KHAYWE_HOST", "localhost:8000", "without a port"),
        ("KHAYWE_HOST", "http://localhost", "a host name or an IP address"),
        ("KHAYWE_DATABASE_URL", "mysql:5432", "a URL like postgresql://"),
        ("KHAYWE_DATABASE_URL", "postgresql+psycopg:khaywe", "a URL like postgresql://"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(variable: str, value: str, allowed: str) -> None:
    """The message names the variable, the value and what is allowed."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({variable: value})
    message = str(refused.value)
    assert variable in message
    assert repr(value) in message
    assert allowed in message


@pytest.mark.parametrize("url", ["mysql://me:s3cret@db/x", "mysql://me:s3c@ret@db/x", "host=db password=s3cret"])
def test_a_password_is_never_shown(url: str) -> None:
    """A refused database URL is shown without its password, and the settings hide the URL altogether."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"KHAYWE_DATABASE_URL": url})
    assert "s3c" not in str(refused.value)
    assert "s3c" not in repr(Settings.from_environment({"KHAYWE_DATABASE_URL": "postgresql://me:s3cret@db/x"}))


def test_a_switch_is_on_or_off() -> None:
    """A door to everything inside is not opened by a word that only looks like yes."""
    with pytest.raises(SettingsError, match="0 or 1"):
        Settings.from_environment({"KHAYWE_WEBHOOK_ALLOW_PRIVATE": "true"})
