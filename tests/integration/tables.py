"""What the deployment has stored: all of it, and times in it, since the clock cannot be set forward for a record."""

from collections.abc import Iterator
from typing import Any

from dev.stack import Stack
from tocsin.domain.ids import AppId


def everything_stored(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and item of every record in DynamoDB."""
    database = stack.aws("dynamodb")
    for table in database.list_tables()["TableNames"]:
        for page in database.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                yield table, item


def alter(stack: Stack, table: str, item: dict[str, Any], **times: int) -> None:
    """Let a record have other times (Unix seconds)."""
    stack.aws("dynamodb").update_item(
        TableName=table,
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression=f"SET {', '.join(f'{name} = :{name}' for name in times)}",
        ExpressionAttributeValues={f":{name}": {"N": str(at)} for name, at in times.items()},
    )


def let_pass(stack: Stack, app: AppId, seconds: int) -> None:
    """Let an app's time pass: what it has stored was made, and is due, so much earlier."""
    for table, item in everything_stored(stack):
        if app in item["pk"]["S"]:
            times = {name: int(item[name]["N"]) - seconds for name in ("created_at", "due_at") if name in item}
            if times:
                alter(stack, table, item, **times)
