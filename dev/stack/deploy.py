"""Deploying the built template into the emulator with the `sam deploy` that AWS would see."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from dev.stack.build import SAM, last_lines
from dev.stack.emulator import Emulator
from dev.stack.failure import StackFailure
from dev.stack.routes import create_routes

STACK = "tocsin"
BUCKET = "tocsin-artefacts"
SQS_BATCHES = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage"}
LOCAL_WORKERS = 2  # the emulator unpacks 100 MB for each worker


def deploy(emulator: Emulator, template: Path, digest: str, parameters: dict[str, str], record: Path) -> bool:
    """Deploy unless this very template with these parameters is what `record` says is deployed.

    Returns whether anything was deployed. Raises StackFailure with sam's own words.
    """
    mark = hashlib.sha256(json.dumps([digest, parameters], sort_keys=True).encode()).hexdigest()
    if record.exists() and record.read_text() == mark:
        return False
    record.unlink(missing_ok=True)
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    done = subprocess.run(
        [
            *(str(SAM), "deploy", "--template-file", str(template), "--stack-name", STACK, "--s3-bucket", BUCKET),
            *(
                "--capabilities",
                "CAPABILITY_IAM",
                "--no-confirm-changeset",
                "--no-progressbar",
                "--no-fail-on-empty-changeset",
            ),
            *("--on-failure", "DELETE", "--parameter-overrides"),
            *(f'{name}="{value}"' for name, value in parameters.items()),
        ],
        cwd=template.parent,  # outside the project's root, so that its samconfig.toml is not read
        env={**os.environ, **emulator.environment, "SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackFailure(f"sam deploy failed:\n{last_lines(done.stdout + done.stderr)}")
    create_routes(emulator, STACK)
    _limit_workers(emulator)
    _adapt_roles(emulator)
    record.write_text(mark)
    return True


def outputs(emulator: Emulator) -> dict[str, str]:
    """The Outputs of the deployed stack by name."""
    stacks = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}


def _limit_workers(emulator: Emulator) -> None:
    # CloudFormation hands numbers over as text and the emulator compares them as numbers: set once more, typed.
    # Until then it takes no message and logs "ESM SQS poller error" once a second.
    functions = emulator.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": LOCAL_WORKERS})


def _adapt_roles(emulator: Emulator) -> None:
    # The emulator enforces the roles, but would deny three things that AWS allows: it knows no condition key of KMS,
    # asks for an action SendMessageBatch where AWS asks for SendMessage, and thinks that all schedules share one group.
    roles = emulator.client("iam")
    for role in roles.list_roles()["Roles"]:
        for name in roles.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            policy = roles.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            for statement in policy["Statement"]:
                if "kms:EncryptionContext:purpose" in statement.get("Condition", {}).get("StringEquals", {}):
                    del statement["Condition"]
                if statement["Action"][0].startswith("scheduler:"):
                    statement["Resource"] = "*"
                if isinstance(statement["Action"], list):  # SAM writes a schedule's role with a text
                    statement["Action"] += [
                        f"{action}Batch" for action in SQS_BATCHES.intersection(statement["Action"])
                    ]
            roles.put_role_policy(RoleName=role["RoleName"], PolicyName=name, PolicyDocument=json.dumps(policy))
