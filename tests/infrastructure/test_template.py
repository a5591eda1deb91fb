"""What the template must never lose."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.infrastructure.template import load, logical_id, resources, statements
from tocsin.application.jobs import MESSAGE_LIMIT
from tocsin.application.ports import Queue
from tocsin.entrypoints.queue import CHUNKS_AT_ONCE, EVENTS_AT_ONCE, RESERVE_SECONDS

ROOT = Path(__file__).parents[2]
FUNCTIONS = resources("AWS::Serverless::Function")
ROLES = resources("AWS::IAM::Role")
QUEUES = resources("AWS::SQS::Queue")
TABLES = resources("AWS::DynamoDB::Table")
LOGS = resources("AWS::Logs::LogGroup")
SECRETS = resources("AWS::SecretsManager::Secret")
WORKING_QUEUES = [name for name, queue in QUEUES.items() if "RedrivePolicy" in queue]

# Which resource a setting in the environment hands to a function, and so which its role must name.
SETTINGS = {
    "TENANTS_TABLE": "TenantsTable",
    "CREDITS_TABLE": "CreditsTable",
    "SUBSCRIPTIONS_TABLE": "SubscriptionsTable",
    "SENDS_TABLE": "SendsTable",
    "CAMPAIGNS_TABLE": "CampaignsTable",
    "FANOUT_QUEUE_URL": "FanoutQueue",
    "BULK_FANOUT_QUEUE_URL": "BulkFanoutQueue",
    "DELIVER_QUEUE_URL": "DeliverQueue",
    "BULK_DELIVER_QUEUE_URL": "BulkDeliverQueue",
    "WEBHOOKS_QUEUE_URL": "WebhooksQueue",
    "WEBHOOKS_DEAD_LETTERS_URL": "WebhooksDeadLetters",
    "EVENTS_QUEUE_URL": "EventsQueue",
    "EVENTS_DEAD_LETTERS_URL": "EventsDeadLetters",
    "RUNS_QUEUE_URL": "RunsQueue",
    "SCHEDULES_GROUP": "CampaignSchedules",
    "SCHEDULES_ROLE": "CampaignSchedulesRole",
    "RUNS_DEAD_LETTERS_URL": "RunsDeadLetters",
    "FANOUT_DEAD_LETTERS_URL": "FanoutDeadLetters",
    "BULK_FANOUT_DEAD_LETTERS_URL": "BulkFanoutDeadLetters",
    "DELIVER_DEAD_LETTERS_URL": "DeliverDeadLetters",
    "BULK_DELIVER_DEAD_LETTERS_URL": "BulkDeliverDeadLetters",
    "ROOT_SECRET": "RootSecret",
    "OPERATOR_SECRET": "OperatorSecret",
    "SERVICE_SECRET": "ServiceSecret",
    "VAPID_KMS_KEY": "VapidKey",
    "TOKEN_KMS_KEY": "TokenKey",
}
LISTING = ["scheduler:ListSchedules"]
"""What names no resource of ours: test_schedules.py says why."""
SENDERS = {"SendFunction", "DeliverFunction", "WebhooksFunction"}
READERS_OF_TOKENS = {"SendFunction", "SubscribeFunction", "SubscribersFunction", "AccountFunction"}
"""Whoever is shown access tokens, which may be of an issuer whose keys have to be fetched."""

# What the stores' code does with each table and index for a function. The writes of a transaction count one by one.
ACCESS: dict[str, dict[str, set[str]]] = {
    "SendFunction": {
        "TenantsTable": {"GetItem", "PutItem", "UpdateItem"},
        "CreditsTable": {"GetItem", "PutItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SendsTable": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SendsTable/by_created": {"Query"},
        "CampaignsTable": {"GetItem"},
    },
    "SubscribeFunction": {
        "TenantsTable": {"GetItem", "UpdateItem"},
        "CreditsTable": {"UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SendsTable": {"GetItem", "Query", "UpdateItem"},
        "CampaignsTable": {"Query"},
    },
    "UnsubscribeFunction": {
        "TenantsTable": {"GetItem", "UpdateItem"},
        "CreditsTable": {"UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "CampaignsTable": {"Query"},
    },
    "BeaconsFunction": {"TenantsTable": {"GetItem"}},
    "SubscribersFunction": {
        "TenantsTable": {"GetItem", "PutItem", "UpdateItem"},
        "CreditsTable": {"GetItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SubscriptionsTable/by_created": {"Query"},
        "CampaignsTable": {"Query"},
    },
    "QuotaFunction": {
        "TenantsTable": {"GetItem", "UpdateItem"},
        "CreditsTable": {"GetItem", "UpdateItem"},
    },
    "CampaignsFunction": {
        "TenantsTable": {"GetItem", "PutItem", "UpdateItem"},
        "CreditsTable": {"GetItem", "PutItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "GetItem", "Query", "UpdateItem"},
        "SendsTable": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SendsTable/by_created": {"Query"},
        "CampaignsTable": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query"},
        "CampaignsTable/by_created": {"Query"},
    },
    "AccountFunction": {
        "TenantsTable": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "TenantsTable/by_owner": {"Query"},
        "CreditsTable": {"GetItem", "PutItem", "Query", "UpdateItem"},
        "CreditsTable/by_time": {"Query"},
        "SubscriptionsTable": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "SubscriptionsTable/by_created": {"Query"},
        "SendsTable": {"DeleteItem", "GetItem", "PutItem", "Query"},
    },
    "WebFunction": {"TenantsTable": {"GetItem"}},
    "FanoutFunction": {
        "CreditsTable": {"PutItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "Query", "UpdateItem"},
        "SendsTable": {"GetItem", "PutItem", "Query", "UpdateItem"},
    },
    "DeliverFunction": {
        "TenantsTable": {"GetItem"},
        "CreditsTable": {"PutItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "GetItem", "UpdateItem"},
        "SendsTable": {"GetItem", "Query", "UpdateItem"},
    },
    "WebhooksFunction": {
        "TenantsTable": {"GetItem", "PutItem"},
        "SubscriptionsTable": {"BatchGetItem"},
        "SendsTable": {"DeleteItem", "GetItem", "PutItem"},
    },
    "TallyFunction": {
        "SubscriptionsTable": {"BatchGetItem"},
        "SendsTable": {"GetItem", "PutItem", "UpdateItem"},
        "CampaignsTable": {"Query"},
    },
    "RunsFunction": {
        "TenantsTable": {"GetItem"},
        "CreditsTable": {"GetItem", "PutItem", "UpdateItem"},
        "SubscriptionsTable": {"BatchGetItem", "GetItem", "Query"},
        "SendsTable": {"GetItem", "PutItem"},
        "CampaignsTable": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    },
    "SchedulerFunction": {
        "TenantsTable": {"GetItem", "PutItem"},
        "TenantsTable/by_owner": {"Query"},
        "CreditsTable": {"GetItem", "PutItem", "Query", "UpdateItem"},
        "CreditsTable/by_time": {"Query"},
        "SubscriptionsTable": {"BatchGetItem", "Query", "UpdateItem"},
        "SendsTable": {"GetItem", "PutItem", "Query", "UpdateItem"},
        "SendsTable/by_due": {"Query"},
        "CampaignsTable": {"GetItem", "PutItem", "UpdateItem"},
        "CampaignsTable/by_due": {"Query"},
    },
}


# What a function does with each queue: who takes messages off it or puts them into it.
TAKING = {"ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}
PUTTING = {"SendMessage"}
FANOUT, DELIVER = {"FanoutQueue", "BulkFanoutQueue"}, {"DeliverQueue", "BulkDeliverQueue"}
TOLD = {"WebhooksQueue"}
COUNTED = {"EventsQueue"}
STEPS = {"RunsQueue"}
QUEUE_ACCESS: dict[str, dict[str, set[str]]] = {
    "SendFunction": dict.fromkeys(FANOUT | DELIVER | TOLD, PUTTING),
    "FanoutFunction": dict.fromkeys(FANOUT, TAKING | PUTTING) | dict.fromkeys(DELIVER, PUTTING),
    "DeliverFunction": dict.fromkeys(DELIVER, TAKING | PUTTING) | dict.fromkeys(TOLD, PUTTING),
    "SubscribeFunction": dict.fromkeys(TOLD | STEPS, PUTTING),
    "UnsubscribeFunction": dict.fromkeys(TOLD | STEPS, PUTTING),
    "SubscribersFunction": dict.fromkeys(TOLD | STEPS, PUTTING),
    "CampaignsFunction": dict.fromkeys(FANOUT | DELIVER | STEPS, PUTTING),
    "WebhooksFunction": dict.fromkeys(TOLD, TAKING | PUTTING),
    "BeaconsFunction": dict.fromkeys(COUNTED, PUTTING),
    "TallyFunction": dict.fromkeys(COUNTED, TAKING) | dict.fromkeys(TOLD | STEPS, PUTTING),
    "RunsFunction": dict.fromkeys(STEPS, TAKING | PUTTING) | dict.fromkeys(FANOUT, PUTTING),
    "SchedulerFunction": dict.fromkeys(FANOUT | DELIVER | TOLD | STEPS, PUTTING),
    "AccountFunction": dict.fromkeys(FANOUT | DELIVER | TOLD | COUNTED | STEPS, PUTTING)
    | dict.fromkeys((name for name, queue in QUEUES.items() if "RedrivePolicy" not in queue), TAKING),
}


def sources(function: str) -> list[dict[str, Any]]:
    """The queues that a function takes messages from, with how it does."""
    return [event["Properties"] for event in FUNCTIONS[function]["Events"].values() if event["Type"] == "SQS"]


WORKERS = [name for name in FUNCTIONS if sources(name)]
OF_SENDS = ["FanoutFunction", "DeliverFunction"]


def environment(function: str) -> dict[str, Any]:
    variables: dict[str, Any] = FUNCTIONS[function]["Environment"]["Variables"]
    return variables


def granted(function: str) -> set[str]:
    """Logical ids of everything that a function's role names."""
    found = set()
    for statement in statements(ROLES[logical_id(FUNCTIONS[function]["Role"])]):
        if statement["Action"] == LISTING:
            continue
        targets = statement["Resource"]
        found |= {logical_id(target) for target in (targets if isinstance(targets, list) else [targets])}
    return found


def allowed(function: str, service: str) -> dict[str, set[str]]:
    """What a function's role lets it do with each resource of a service; with an index as table/index."""
    found: dict[str, set[str]] = {}
    for statement in statements(ROLES[logical_id(FUNCTIONS[function]["Role"])]):
        prefix = f"{service}:"
        actions = {action.removeprefix(prefix) for action in statement["Action"] if action.startswith(prefix)}
        if not actions:
            continue
        targets = statement["Resource"]
        for target in targets if isinstance(targets, list) else [targets]:
            index = target.get("Fn::Sub", "").partition("/index/")[2]
            name = f"{logical_id(target)}/{index}" if index else logical_id(target)
            found.setdefault(name, set()).update(actions)
    return found


def test_every_folder_of_functions_is_deployed_and_no_other() -> None:
    folders = {f"functions/{app.parent.name}/" for app in (ROOT / "functions").glob("*/app.py")}
    assert {function["CodeUri"] for function in FUNCTIONS.values()} == folders


def test_no_two_functions_share_a_role_or_a_log_group() -> None:
    assert len({logical_id(f["Role"]) for f in FUNCTIONS.values()}) == len(FUNCTIONS)
    assert len({logical_id(f["LoggingConfig"]["LogGroup"]) for f in FUNCTIONS.values()}) == len(FUNCTIONS)


@pytest.mark.parametrize("name", ROLES)
def test_a_role_names_what_it_may_touch(name: str) -> None:
    for statement in statements(ROLES[name]):
        if statement["Action"] == LISTING:
            continue
        targets = statement["Resource"]
        for target in targets if isinstance(targets, list) else [targets]:
            assert logical_id(target) in load()["Resources"]
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            assert "*" not in action
            assert action != "dynamodb:Scan"
    assert "ManagedPolicyArns" not in ROLES[name]


def purposes(name: str, action: str) -> set[str]:
    """For which purposes a role may use the key so; every such statement has to name some."""
    named: set[str] = set()
    for statement in statements(ROLES[name]):
        if action in statement["Action"]:
            ((key, purpose),) = statement["Condition"]["StringEquals"].items()
            assert key == "kms:EncryptionContext:purpose"
            named |= {purpose} if isinstance(purpose, str) else set(purpose)
    return named


def test_private_keys_are_opened_by_senders_and_by_who_hands_over_an_apps_own_to_its_owner() -> None:
    able = {name: of for name in ROLES if (of := purposes(name, "kms:Decrypt"))}
    assert able == {"SendRole": {"vapid", "fcm"}, "DeliverRole": {"vapid", "fcm"}, "AccountRole": {"vapid"}}


def test_tokens_are_signed_by_one_function_and_checked_by_those_who_are_shown_them() -> None:
    uses = {name: allowed(name, "kms").get("TokenKey", set()) for name in FUNCTIONS}
    assert {name for name, actions in uses.items() if "Sign" in actions} == {"AccountFunction"}
    assert {name for name, actions in uses.items() if actions - {"Sign"} == {"GetPublicKey"}} == READERS_OF_TOKENS


def test_private_keys_are_sealed_where_operators_bring_them() -> None:
    assert {name: of for name in ROLES if (of := purposes(name, "kms:Encrypt"))} == {"AccountRole": {"vapid", "fcm"}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_granted_what_its_settings_name_and_nothing_else(name: str) -> None:
    handed = {SETTINGS[setting] for setting in environment(name) if setting in SETTINGS}
    source = {logical_id(source["Queue"]) for source in sources(name)}
    own_log = logical_id(FUNCTIONS[name]["LoggingConfig"]["LogGroup"])
    assert granted(name) == handed | source | {own_log}
    for setting, resource in SETTINGS.items():
        if setting in environment(name):
            assert logical_id(environment(name)[setting]) == resource


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_does_with_a_table_what_its_code_needs_and_nothing_else(name: str) -> None:
    assert allowed(name, "dynamodb") == ACCESS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_does_with_a_queue_what_its_code_needs_and_nothing_else(name: str) -> None:
    assert allowed(name, "sqs") == QUEUE_ACCESS.get(name, {})


def test_only_who_needs_it_is_told_the_public_address_the_plan_or_the_way_out() -> None:
    handed = {
        setting: {name for name in FUNCTIONS if setting in environment(name)}
        for setting in ("PUBLIC_URL", "DEFAULT_PLAN", "OUTBOUND_PROXY", "CA_BUNDLE")
    }
    assert handed == {
        "PUBLIC_URL": {"AccountFunction", "CampaignsFunction", "SendFunction", "SubscribersFunction", "WebFunction"},
        "DEFAULT_PLAN": {"AccountFunction"},
        "OUTBOUND_PROXY": SENDERS | READERS_OF_TOKENS,
        "CA_BUNDLE": SENDERS | READERS_OF_TOKENS,
    }


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_can_be_generated_and_is_64_letters_and_digits(name: str) -> None:
    with mock_aws():
        secrets = boto3.client(
            "secretsmanager", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        made = secrets.get_random_password(**SECRETS[name]["GenerateSecretString"])["RandomPassword"]
    assert len(made) == 64
    assert made.isascii()
    assert made.isalnum()


@pytest.mark.parametrize("name", LOGS)
def test_logs_are_not_kept_forever(name: str) -> None:
    assert LOGS[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_can_be_restored_expires_items_and_can_be_guarded(name: str) -> None:
    table = TABLES[name]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["Guarded", True, False]}
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]


@pytest.mark.parametrize("name", WORKING_QUEUES)
def test_a_queue_outlasts_its_worker_and_gives_up_after_three_tries_into_one_that_keeps_longer(name: str) -> None:
    queue = QUEUES[name]
    (worker,) = (worker for worker in WORKERS for source in sources(worker) if logical_id(source["Queue"]) == name)
    assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[worker]["Timeout"]
    assert queue["MaximumMessageSize"] == MESSAGE_LIMIT
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    letters = logical_id(queue["RedrivePolicy"]["deadLetterTargetArn"])
    assert QUEUES[letters]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_every_queue_gives_up_into_one_of_its_own_so_that_a_message_can_go_back() -> None:
    letters = {name: logical_id(QUEUES[name]["RedrivePolicy"]["deadLetterTargetArn"]) for name in WORKING_QUEUES}
    assert letters == {name: name.replace("Queue", "DeadLetters") for name in WORKING_QUEUES}
    for queue in Queue:
        assert SETTINGS[f"{queue.name}_QUEUE_URL"] in WORKING_QUEUES
        assert SETTINGS[f"{queue.name}_DEAD_LETTERS_URL"] == letters[SETTINGS[f"{queue.name}_QUEUE_URL"]]


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted(name: str) -> None:
    assert QUEUES[name]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("name", OF_SENDS)
def test_broadcasts_have_workers_of_their_own_and_leave_the_others_theirs(name: str) -> None:
    direct, bulk = sources(name)
    assert logical_id(bulk["Queue"]) == f"Bulk{logical_id(direct['Queue'])}"
    for source in (direct, bulk):
        assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "WorkerConcurrency"}}
    # Both take from one pool if it is limited: a reservation would have to be as large as both together.
    assert "ReservedConcurrentExecutions" not in FUNCTIONS[name]


def test_all_workers_together_leave_room_in_an_account_of_a_thousand() -> None:
    concurrency, of_sends = load()["Parameters"]["WorkerConcurrency"], sum(len(sources(name)) for name in OF_SENDS)
    others = {name: sources(name)[0]["ScalingConfig"]["MaximumConcurrency"] for name in WORKERS if name not in OF_SENDS}
    assert concurrency["Default"] * of_sends <= 200
    assert concurrency["MaxValue"] * of_sends <= 1000
    assert concurrency["MinValue"] * of_sends < 10  # a new account, in which the others take turns
    assert others == {"WebhooksFunction": 2, "TallyFunction": 2, "RunsFunction": {"Ref": "FlowConcurrency"}}
    of_flows = load()["Parameters"]["FlowConcurrency"]
    assert of_flows["MinValue"] == concurrency["MinValue"]
    assert of_flows["Default"] <= 10
    assert concurrency["MaxValue"] * of_sends + of_flows["MaxValue"] <= 1000


def test_what_readers_do_is_gathered_before_it_is_counted_and_stays_hidden_as_long_as_that_takes() -> None:
    [source] = sources("TallyFunction")
    window = load()["Parameters"]["EventsWindow"]
    assert source["BatchSize"] == 10_000
    assert source["MaximumBatchingWindowInSeconds"] == {"Ref": "EventsWindow"}
    assert window["MinValue"] >= 1  # AWS asks for a window where a batch is larger than 10
    hidden = QUEUES["EventsQueue"]["VisibilityTimeout"]
    assert hidden >= 6 * FUNCTIONS["TallyFunction"]["Timeout"] + window["MaxValue"]


def test_the_readers_of_a_broadcast_do_not_use_up_what_the_other_routes_may_take() -> None:
    (api,) = resources("AWS::Serverless::HttpApi").values()
    own = api["RouteSettings"]["ANY /sdk/v1/{app}/events"]
    assert own["ThrottlingRateLimit"] > api["DefaultRouteSettings"]["ThrottlingRateLimit"]


@pytest.mark.parametrize(
    ("name", "at_once"),
    [("FanoutFunction", 1), ("DeliverFunction", CHUNKS_AT_ONCE), ("WebhooksFunction", EVENTS_AT_ONCE)],
)
def test_a_message_never_waits_for_others_of_its_batch_and_fails_alone(name: str, at_once: int) -> None:
    for source in sources(name):
        assert source["BatchSize"] == at_once
        assert source.get("MaximumBatchingWindowInSeconds", 0) == 0
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert FUNCTIONS[name]["Timeout"] > 2 * RESERVE_SECONDS


def test_a_path_belongs_to_one_function_with_all_its_methods() -> None:
    routes = {
        event["Properties"].get("Path", "$default"): (name, event["Properties"].get("Method", "ANY"))
        for name, function in FUNCTIONS.items()
        for event in function["Events"].values()
        if event["Type"] == "HttpApi"
    }
    assert routes == {
        "/v1/send": ("SendFunction", "ANY"),
        "/v2/push/send": ("SendFunction", "ANY"),
        "/v2/push/broadcast": ("SendFunction", "ANY"),
        "/v2/push/requests/{request_id}": ("SendFunction", "ANY"),
        "/channels/{channel}/notifications/{iuid}": ("SendFunction", "ANY"),
        "/api/channels/{channel}/notifications/{iuid}": ("SendFunction", "ANY"),
        "/admin/apps/{app}/sends": ("SendFunction", "ANY"),
        "/admin/apps/{app}/sends/{proxy+}": ("SendFunction", "ANY"),
        "/api/v1/server/send": ("SendFunction", "ANY"),
        "/api/v1/server/subscribers": ("SubscribersFunction", "ANY"),
        "/api/v1/server/subscribers/{subscriber_id}": ("SubscribersFunction", "ANY"),
        "/api/v1/server": ("CampaignsFunction", "ANY"),
        "/api/v1/server/{proxy+}": ("CampaignsFunction", "ANY"),
        "/v1/subscribe": ("SubscribeFunction", "ANY"),
        "/v2/push/clients/register": ("SubscribeFunction", "ANY"),
        "/v2/push/clients/heartbeat": ("SubscribeFunction", "ANY"),
        "/qrcode/{proxy+}": ("SubscribeFunction", "ANY"),
        "/sdk/v1/{proxy+}": ("SubscribeFunction", "ANY"),
        "/push/send": ("SendFunction", "ANY"),
        "/push/send/{proxy+}": ("SendFunction", "ANY"),
        "/push/devices/register": ("SubscribeFunction", "ANY"),
        "/push/devices/{id}": ("SubscribersFunction", "ANY"),
        "/push/config/{app_id}": ("AccountFunction", "ANY"),
        "/push/apps/{proxy+}": ("AccountFunction", "ANY"),
        "/auth/token": ("AccountFunction", "ANY"),
        "/.well-known/jwks.json": ("AccountFunction", "ANY"),
        "/v1/unsubscribe": ("UnsubscribeFunction", "ANY"),
        "/sdk/v1/{app}/unsubscribe": ("UnsubscribeFunction", "ANY"),
        "/sdk/v1/{app}/events": ("BeaconsFunction", "ANY"),
        "/v2/push/clients": ("SubscribersFunction", "ANY"),
        "/v2/push/clients/{registration_id}": ("SubscribersFunction", "ANY"),
        "/v2/push/clients/{registration_id}/doctor": ("SubscribersFunction", "ANY"),
        "/channels/{channel}/subscriptions": ("SubscribersFunction", "ANY"),
        "/channels/{channel}/subscriptions/{proxy+}": ("SubscribersFunction", "ANY"),
        "/api/channels/{channel}/subscriptions": ("SubscribersFunction", "ANY"),
        "/api/channels/{channel}/subscriptions/{proxy+}": ("SubscribersFunction", "ANY"),
        "/v2/push/quota": ("QuotaFunction", "ANY"),
        "/v2/push/service": ("AccountFunction", "ANY"),
        "/admin/{proxy+}": ("AccountFunction", "ANY"),
        "$default": ("WebFunction", "ANY"),
    }


def test_the_gateway_answers_no_preflight_and_logs_neither_paths_nor_queries() -> None:
    (api,) = resources("AWS::Serverless::HttpApi").values()
    assert "CorsConfiguration" not in api
    line = api["AccessLogSettings"]["Format"]
    assert "$context.routeKey" in line
    assert "$context.path" not in line
    assert "querystring" not in line.lower()


def test_what_cannot_be_made_again_survives_the_stack() -> None:
    for name in ("RootSecret", "VapidKey"):
        assert load()["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"
    for name, entry in load()["Resources"].items():
        if entry["Type"] in {"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key"}:
            assert entry["UpdateReplacePolicy"] == "Retain", name
