"""All that the deployment has stored, for tests that look for what must not be there."""

from collections.abc import Iterator
from typing import Any

from dev.stack import Stack


def everything_stored(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and item of every record in DynamoDB."""
    database = stack.aws("dynamodb")
    for table in database.list_tables()["TableNames"]:
        for page in database.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                yield table, item
