"""Variables as people write them: quotes, misspelt names, files, and those that Kubernetes adds."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.config import SECRETS, Config, read_config
from app.core.environment import Environment, given_secret, read_environment
from app.core.errors import StartFailed

KEY = "a-key-of-more-than-thirty-two-characters"


def read(**variables: str) -> Environment:
    given = {f"HUNTARR_{name}": value for name, value in variables.items()}
    return read_environment(given, Config.model_fields, SECRETS)


def said(environment: Environment) -> list[tuple[str, object]]:
    return [(remark.fields["variable"], remark.fields.get("nearest")) for remark in environment.remarks]


@pytest.mark.parametrize("text", ["debug", '"debug"', "'debug'", " debug\r", "\"'debug'\"", "' debug '"])
def test_quotes_and_blanks_around_a_value_are_no_part_of_it(text: str) -> None:
    assert read(LOG_LEVEL=text).values == {"log_level": "debug"}


@pytest.mark.parametrize("text", ["", " ", '""', "'  '"])
def test_an_empty_value_is_none(text: str) -> None:
    found = read(BASE_URL=text)
    assert (found.values, found.remarks) == ({}, ())


def test_quotes_inside_a_value_stay() -> None:
    assert read(ADMIN_PASSWORD="it's \"quoted").values == {"admin_password": "it's \"quoted"}


def test_unknown_names_are_told_with_the_nearest_known_one() -> None:
    found = read(PROT="1", API_KEY_FLIE="/x", WHOLLY_ELSE="1", LOG_LEVEL="INFO")
    assert said(found) == [
        ("HUNTARR_PROT", "HUNTARR_PORT"),
        ("HUNTARR_API_KEY_FLIE", "HUNTARR_API_KEY_FILE"),
        ("HUNTARR_WHOLLY_ELSE", None),
    ]
    assert found.values == {"log_level": "INFO"}


def test_what_kubernetes_adds_for_a_service_of_this_name_is_no_setting() -> None:
    found = read(
        PORT="tcp://10.0.0.1:9705",
        SERVICE_HOST="10.0.0.1",
        SERVICE_PORT="9705",
        SERVICE_PORT_HTTP="9705",
        PORT_9705_TCP="tcp://10.0.0.1:9705",
        PORT_9705_TCP_ADDR="10.0.0.1",
    )
    assert found.values == {}
    [remark] = found.remarks
    assert remark.fields["variable"] == "HUNTARR_PORT"
    assert "Kubernetes" in remark.fields["reason"]
    assert read_config(found).port == 9705
    with pytest.raises(StartFailed, match="HUNTARR_PORT is wrong"):
        read_config(read(PORT="tcp"))


@pytest.mark.parametrize("field", SECRETS)
def test_every_secret_may_be_in_a_file(tmp_path: Path, field: str) -> None:
    path = tmp_path / "secret"
    path.write_text(KEY + "\n")
    found = read(**{f"{field.upper()}_FILE": str(path)})
    assert (found.values, found.remarks) == ({field: KEY}, ())


def test_secrets_are_all_fields_that_hold_one() -> None:
    hidden = {name for name, field in Config.model_fields.items() if field.annotation == SecretStr | None}
    assert set(SECRETS) == hidden | {"database_url"}  # its password


@pytest.mark.parametrize(("content", "why"), [(b"", "empty"), (b"\xff\xfe", "not text"), (None, "No such file")])
def test_a_file_without_a_secret_ends_the_start(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartFailed, match=f"HUNTARR_API_KEY_FILE is wrong.*{why}"):
        read(API_KEY_FILE=str(path))


def test_a_secret_and_its_file_are_not_both_given(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="HUNTARR_API_KEY and HUNTARR_API_KEY_FILE are both given"):
        read(API_KEY=KEY, API_KEY_FILE=str(tmp_path))


def test_other_settings_have_no_file() -> None:
    assert said(read(PORT_FILE="/x")) == [("HUNTARR_PORT_FILE", "HUNTARR_PORT")]


def test_the_new_key_of_rotate_key_is_known_too(tmp_path: Path) -> None:
    (tmp_path / "new").write_text(KEY)
    given = {"HUNTARR_NEW_SECRET_KEY_FILE": str(tmp_path / "new")}
    assert read_environment(given, Config.model_fields, SECRETS).remarks == ()
    assert given_secret(given, "HUNTARR_NEW_SECRET_KEY") == KEY
    assert given_secret({"HUNTARR_NEW_SECRET_KEY": f"'{KEY}'"}, "HUNTARR_NEW_SECRET_KEY") == KEY
    assert given_secret({}, "HUNTARR_NEW_SECRET_KEY") is None


def test_a_value_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(StartFailed, match="HUNTARR_DATA_DIR is wrong: it must be UTF-8"):
        read(DATA_DIR="/data/\udcff")
