"""The API's routes in the emulator, which ignores the OpenAPI body that a SAM HttpApi becomes.

Nothing is listed twice: everything is read from the processed template.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from dev.stack.emulator import Emulator

FUNCTION_OF = re.compile(r"\$\{(\w+)\.Arn\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `method` is ANY or a verb, `path` a pattern with {variables} or "$default"; `function` a name."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """The route as API Gateway spells it."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"

    def matches(self, path: str) -> bool:
        """Whether a request for `path` could take this route."""
        if self.path == "$default":
            return True
        parts = re.split(r"(\{\w+\+?\})", self.path)
        pattern = "".join(
            ".+" if part.endswith("+}") else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts
        )
        return re.fullmatch(pattern, path) is not None

    @property
    def precedence(self) -> tuple[bool, bool, int, int]:
        """API Gateway's order: full matches, then greedy ones, then $default; literal segments beat variables."""
        literal = re.sub(r"\{\w+\+?\}", "", self.path)
        return (self.path != "$default", "+}" not in self.path, self.path.count("/"), len(literal))


def routes_of(emulator: Emulator, stack: str) -> list[Route]:
    """Every route of the deployed template, the most specific first."""
    cloudformation = emulator.client("cloudformation")
    body: Any = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    routes = []
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            for path, operations in resource["Properties"]["Body"]["paths"].items():
                for verb, operation in operations.items():
                    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                    function = FUNCTION_OF.search(uri)
                    assert function is not None, f"{path} has no function behind it"
                    method = "ANY" if verb == "x-amazon-apigateway-any-method" else verb.upper()
                    routes.append(Route(method, path, physical[function[1]]))
    return sorted(routes, key=lambda route: route.precedence, reverse=True)


def create_routes(emulator: Emulator, stack: str) -> None:
    """Give the emulator's API the routes of the deployed template, and only those."""
    gateway, functions = emulator.client("apigatewayv2"), emulator.client("lambda")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    for stale in gateway.get_routes(ApiId=api)["Items"]:
        gateway.delete_route(ApiId=api, RouteId=stale["RouteId"])
    for stale in gateway.get_integrations(ApiId=api)["Items"]:
        gateway.delete_integration(ApiId=api, IntegrationId=stale["IntegrationId"])
    integrations: dict[str, str] = {}
    for route in routes_of(emulator, stack):
        if route.function not in integrations:
            arn = functions.get_function(FunctionName=route.function)["Configuration"]["FunctionArn"]
            made = gateway.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            integrations[route.function] = made["IntegrationId"]
        gateway.create_route(ApiId=api, RouteKey=route.key, Target=f"integrations/{integrations[route.function]}")
