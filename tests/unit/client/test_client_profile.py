"""Which service and which token: arguments, environment, profiles; and how they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_once.client import profile
from invoke_once.client.profile import Profile, config_path, is_private, read, resolve, save, webhook_secret
from invoke_once.errors import ConfigurationError

Env = dict[str, str]
WORK = Profile("https://work.test", "once_work_x", "whsec_abc")


@pytest.fixture
def env(tmp_path: Path) -> Env:
    return {"HOME": str(tmp_path)}


def found(**given: object) -> tuple[str, str]:
    settings = resolve(**given)  # type: ignore[arg-type]
    return settings.url, settings.token


def test_the_environment_says_which_service(env: Env) -> None:
    env |= {"ONCE_URL": "https://a.test/", "ONCE_TOKEN": "once_a_x"}
    assert found(env=env) == ("https://a.test", "once_a_x")


def test_arguments_come_first(env: Env) -> None:
    env |= {"ONCE_URL": "https://a.test", "ONCE_TOKEN": "once_a_x"}
    assert found(url="https://b.test", token="once_b_x", env=env) == ("https://b.test", "once_b_x")


def test_the_default_profile_is_used_where_the_environment_says_nothing(env: Env) -> None:
    save(config_path(env), "work", WORK, make_default=False)
    assert found(env=env) == ("https://work.test", "once_work_x")
    assert webhook_secret(env=env) == "whsec_abc"


def test_a_named_profile_beats_the_environment(env: Env) -> None:
    save(config_path(env), "work", WORK, make_default=False)
    env |= {"ONCE_URL": "https://a.test", "ONCE_TOKEN": "once_a_x"}
    assert found(profile="work", env=env) == ("https://work.test", "once_work_x")


def test_the_environment_names_a_profile(env: Env) -> None:
    save(config_path(env), "home", Profile("https://home.test", "t"), make_default=True)
    save(config_path(env), "work", WORK, make_default=False)
    assert found(env=env | {"ONCE_PROFILE": "work"})[0] == "https://work.test"


def test_a_profiles_token_goes_to_no_other_url(env: Env) -> None:
    save(config_path(env), "work", WORK, make_default=False)
    assert found(url="https://evil.test", env=env) == ("https://evil.test", "")
    assert found(url="https://evil.test", profile="work", env=env) == ("https://evil.test", "")
    assert found(env=env | {"ONCE_URL": "https://evil.test"}) == ("https://evil.test", "")
    assert found(url="https://work.test/", env=env) == ("https://work.test", "once_work_x")


def test_nothing_said_is_an_error_that_says_what_to_do(env: Env) -> None:
    with pytest.raises(ConfigurationError, match="once configure"):
        resolve(env=env)


def test_an_unknown_profile_is_an_error_that_names_the_known(env: Env) -> None:
    save(config_path(env), "work", WORK, make_default=False)
    with pytest.raises(ConfigurationError, match="there is: work"):
        resolve(profile="wrok", env=env)


@pytest.mark.parametrize("text", ["not toml", "profiles = 3", "[profiles]\nwork = 1", "\xff"])
def test_a_broken_file_is_an_error_that_names_it(env: Env, text: str) -> None:
    path = config_path(env)
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"config\.toml"):
        resolve(env=env)


def test_a_broken_file_does_not_matter_where_the_environment_says_it_all(env: Env) -> None:
    config_path(env).parent.mkdir(parents=True)
    config_path(env).write_text("not toml")
    assert found(env=env | {"ONCE_URL": "https://a.test", "ONCE_TOKEN": "t"}) == ("https://a.test", "t")


def test_the_file_is_private_from_the_start_and_stays_so(env: Env) -> None:
    path = config_path(env)
    save(path, "work", WORK, make_default=False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert is_private(path)
    path.chmod(0o644)
    assert not is_private(path)
    save(path, "work", WORK, make_default=False)
    assert is_private(path)
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]


def test_saving_one_profile_keeps_the_others(env: Env) -> None:
    path = config_path(env)
    save(path, "work", WORK, make_default=False)
    save(path, "odd", Profile('https://x.test/"\\ü', "t\x7f"), make_default=True)
    config = read(path)
    assert config.default == "odd"
    assert config.profiles["odd"].url == 'https://x.test/"\\ü'
    assert config.profiles["odd"].token == "t\x7f"
    assert config.profiles["work"].token == WORK.token


def test_the_first_profile_becomes_the_default(env: Env) -> None:
    save(config_path(env), "work", WORK, make_default=False)
    assert read(config_path(env)).default == "work"


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ü"])
def test_a_profiles_name_is_a_plain_word(env: Env, name: str) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        save(config_path(env), name, WORK, make_default=False)


def test_the_file_moves_with_xdg_config_home(tmp_path: Path) -> None:
    assert config_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "invoke-once" / "config.toml"


def test_secrets_are_in_no_repr() -> None:
    assert "once_work_x" not in repr(WORK)
    assert "whsec_abc" not in repr(profile.Config({"work": WORK}))


@pytest.mark.parametrize("url", ["ftp://x.test", "x.test", "https://", "https://x.test/?a=1", "http:///runs"])
def test_what_is_no_service_url_is_refused(url: str) -> None:
    from invoke_once.client import Once

    with pytest.raises(ConfigurationError, match="not a service URL"):
        Once(url, "t")


def test_a_token_with_a_newline_in_it_is_refused() -> None:
    from invoke_once.client import Once

    with pytest.raises(ConfigurationError, match="copy it again"):
        Once("https://x.test", "once_a\nb")
