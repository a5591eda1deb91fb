"""A domain of one's own: what the template makes of its parameters."""

from typing import Any

import pytest

from tests.infrastructure.template import holds, load

NAME, CERTIFICATE, ZONE = "DomainName", "CertificateArn", "HostedZoneId"
GIVEN = {
    NAME: "push.shop.example",
    CERTIFICATE: "arn:aws:acm:eu-west-1:123456789012:certificate/1",
    ZONE: "Z1",
    "PublicUrl": "https://push.shop.example",
}
TEMPLATE = load()
OUTPUTS = TEMPLATE["Outputs"]


def given(*names: str) -> dict[str, str]:
    return {name: GIVEN[name] for name in names}


def named(parameter: object) -> str:
    return "+".join(parameter) or "nothing" if isinstance(parameter, dict) else "to"


def chosen(value: Any, parameters: dict[str, str]) -> Any:
    """What an Fn::If comes to."""
    name, yes, no = value["Fn::If"]
    return yes if holds({"Condition": name}, parameters) else no


@pytest.mark.parametrize(
    ("parameters", "accepted"),
    [
        (given(), True),
        (given("PublicUrl"), True),
        (given(NAME, CERTIFICATE), True),
        (given(NAME, CERTIFICATE, ZONE), True),
        (given(NAME), False),
        (given(CERTIFICATE), False),
        (given(ZONE), False),
        (given(NAME, ZONE), False),
        (given(CERTIFICATE, ZONE), False),
        (given(NAME, CERTIFICATE, "PublicUrl"), False),
    ],
    ids=named,
)
def test_a_domain_comes_with_its_certificate_or_the_deployment_is_refused(
    parameters: dict[str, str], accepted: bool
) -> None:
    assertions = [one["Assert"] for rule in TEMPLATE["Rules"].values() for one in rule["Assertions"]]
    assert all(holds(assertion, parameters) for assertion in assertions) == accepted


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        (given(), set()),
        (given("PublicUrl"), set()),
        (given(NAME, CERTIFICATE), {"Domain", "DomainMapping", "DomainTarget"}),
        (given(NAME, CERTIFICATE, ZONE), {"Domain", "DomainMapping", "DomainRecord"}),
    ],
    ids=named,
)
def test_what_is_made_for_a_domain(parameters: dict[str, str], made: set[str]) -> None:
    entries = TEMPLATE["Resources"] | OUTPUTS
    domains = {name: entry for name, entry in entries.items() if name.startswith("Domain")}
    assert {name for name, entry in domains.items() if holds({"Condition": entry["Condition"]}, parameters)} == made


@pytest.mark.parametrize(
    ("parameters", "public"),
    [
        (given(), {"Ref": "PublicUrl"}),
        (given("PublicUrl"), {"Ref": "PublicUrl"}),
        (given(NAME, CERTIFICATE), {"Fn::Sub": "https://${DomainName}"}),
    ],
    ids=named,
)
def test_links_and_outputs_name_the_domain(parameters: dict[str, str], public: dict[str, str]) -> None:
    for function in ("AccountFunction", "WebFunction"):
        settings = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert chosen(settings["PUBLIC_URL"], parameters) == public
    assert (chosen(OUTPUTS["ApiUrl"]["Value"], parameters) == public) == (NAME in parameters)


def test_a_domain_leads_to_this_api_and_takes_no_old_tls() -> None:
    made = {name: TEMPLATE["Resources"][name]["Properties"] for name in ("Domain", "DomainMapping", "DomainRecord")}
    (configuration,) = made["Domain"]["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    assert (made["DomainMapping"]["ApiId"], made["DomainMapping"]["DomainName"]) == (
        {"Ref": "HttpApi"},
        {"Ref": "Domain"},
    )
    assert made["DomainRecord"]["AliasTarget"] == {
        "DNSName": {"Fn::GetAtt": "Domain.RegionalDomainName"},
        "HostedZoneId": {"Fn::GetAtt": "Domain.RegionalHostedZoneId"},
    }
