"""A name is secret by whole words."""

from __future__ import annotations

import orjson
import pytest

from aura_logging.patterns import re2_set, re_set
from aura_logging.privacy.field_names import SecretNames

SECRET = """
password passwd PASSWORD user_password userPassword password1 new-password db.password DB_PASSWORD passphrase
token access_token accessToken csrf_token csrfmiddlewaretoken X-CSRFToken refreshToken id_token tokenValue
secret client_secret clientSecret SECRET_KEY secretKey api_key apiKey x-api-key X_API_KEY APIKey apikey
authorization Authorization proxy-authorization HTTP_AUTHORIZATION set-cookie Set-Cookie cookie HTTP_COOKIE cookies
sessionid session_id sessionId session_key private_key privateKey aws_secret_access_key accessKey credentials
user_credentials jwt otp otp_code totp cvv CVV2 cvc card_number cardNumber ssn user_ssn security_code pwd
encryption_key signing_key connection_string connectionString mysql_pwd PGPASSWORD
passwords old_passwords user_pass DB_PASS smtpPass
""".split()  # noqa: SIM905  # a list to be read

INNOCENT = """
session_count sessions author authors authority tokenizer tokenize tokens prompt_tokens max_tokens token_count
token_type secretary secretariat passenger passport_control compass bypass classname business_name hotpath
cookie_consent cookie_domain cookies_enabled csrf_cookie_secure password_changed_at password_expires_at
password_validators password_policy passwordless keyboard monkey key keys primary_key foreign_key cache_key
auth_method auth_types authenticated session_engine session_age api_version access_level account_id
token_bucket secret_name secret_version credit description card_type card_brand
pass pass_rate boarding_pass user_passport
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_s_name_is_known(name: str) -> None:
    assert SecretNames().is_secret(name)


@pytest.mark.parametrize("name", INNOCENT)
def test_an_innocent_name_is_left_alone(name: str) -> None:
    assert not SecretNames().is_secret(name)


@pytest.mark.parametrize("compile_set", [re2_set.compile_set, re_set.compile_set])
@pytest.mark.parametrize("name", SECRET)
def test_the_scan_sees_a_secret_s_name_as_a_key_and_in_text(compile_set, name: str) -> None:
    suspects = compile_set([SecretNames().scan])

    assert suspects(orjson.dumps({"a": {name: "x"}}))
    assert suspects(orjson.dumps({"message": f"{name}=x"}))
    assert suspects(orjson.dumps({"message": f"\n{name}: x"}))
    assert suspects(orjson.dumps({"message": orjson.dumps({name: "x"}).decode()}))


def test_denied_names_are_secret_and_seen_by_the_scan_in_any_spelling() -> None:
    names = SecretNames(denied=["employee code"])
    suspects = re2_set.compile_set([names.scan])

    for spelling in ("employee_code", "employeeCode", "EMPLOYEE-CODE", "employeecode"):
        assert names.is_secret(spelling)
        assert suspects(orjson.dumps({spelling: "x"}))


def test_allowed_names_win_over_everything() -> None:
    names = SecretNames(denied=["page_token"], allowed=["pageToken"])

    assert not names.is_secret("page_token")


def test_a_very_long_name_costs_no_more_than_its_end() -> None:
    assert SecretNames().is_secret("x" * 100_000 + "_password")
