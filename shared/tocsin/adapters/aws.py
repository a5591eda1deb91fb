"""When AWS does not answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's name

from tocsin.application.ports import Unavailable

# What passes by itself: another transaction on the same item, or too many requests for the moment.
PASSING = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "ThrottlingError",
        "ThrottlingException",
        "RequestLimitExceeded",
    }
)
SERVER_ERROR = 500


@contextmanager
def answered() -> Iterator[None]:
    """Raise Unavailable for a call that got no answer, or "not now", after its retries; refusals pass as they are."""
    try:
        yield
    except (ConnectionError, HTTPClientError) as error:
        raise Unavailable from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= SERVER_ERROR or passes(error):
            raise Unavailable from error
        raise


def passes(error: ClientError) -> bool:
    """Whether the same call may succeed a moment later."""
    return code_of(error) in PASSING or any(reason.get("Code") in PASSING for reason in reasons_of(error))


def code_of(error: ClientError) -> str:
    """AWS's word for the refusal."""
    return error.response.get("Error", {}).get("Code", "")


def reasons_of(error: ClientError) -> Sequence[Mapping[str, object]]:
    """For each write of a refused transaction, why; empty for any other refusal."""
    return error.response.get("CancellationReasons", [])
