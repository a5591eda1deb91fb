"""The deployment's own secrets, from Secrets Manager."""

from typing import TYPE_CHECKING

from tocsin.adapters.aws import answered

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient


def read_secret(client: "SecretsManagerClient", name: str) -> str:
    """The text of a secret, by its name or ARN."""
    with answered():
        return client.get_secret_value(SecretId=name)["SecretString"]
