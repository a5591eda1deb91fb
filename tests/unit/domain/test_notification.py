"""What a customer asks to show."""

from tocsin.domain.notification import who_token


def test_a_person_token_depends_on_secret_and_name_and_is_11_characters() -> None:
    tokens = {who_token(secret, name) for secret in (b"a", b"b") for name in ("17", "18")}
    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {11}
