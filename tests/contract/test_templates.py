"""Templates in a catalogue: each is read back as it was."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb.template_record import TEMPLATES
from tocsin.domain.ids import TemplateId
from tocsin.domain.template import Template

BARE = Template(TemplateId("a" * 24), APP, "Näme", "{{a}}", "b\n{{ b }}", None, None, None, NOW, NOW + 5, 0)
FULL = replace(
    BARE,
    id=TemplateId("b" * 24),
    icon="https://x.example/i",
    image="https://x.example/p",
    url="https://x.example/{{a}}",
    created_at=NOW + 1,
)


@pytest.mark.parametrize("template", [BARE, FULL])
def test_a_template_is_read_back_as_it_was(stores: Stores, template: Template) -> None:
    templates = stores.catalogue(TEMPLATES)
    templates.put(template)
    changed = replace(template, title="other", url=None, updated_at=NOW + 9, revision=1)
    assert templates.get(APP, template.id) == template
    templates.put(changed)
    assert templates.get(APP, template.id) == changed
    assert list(templates.listed(APP, 10, None).items) == [changed]
