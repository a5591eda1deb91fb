"""An app's templates: texts that are kept to be sent again (PU-40 to PU-42).

Whoever uses one copies its texts, so a later change is of no consequence to what exists.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tocsin.application.ports import Catalogue, Clock, Page, Randomness, Stale, Unavailable
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, TemplateId
from tocsin.domain.keep import KEEP, Keep, given_of
from tocsin.domain.template import Template

_RACES = 8


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """What a template holds, as its owner gives it."""

    name: str
    title: str
    body: str
    icon: str | None = None
    image: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What shall be otherwise; None: there shall be none."""

    name: str | Keep = KEEP
    title: str | Keep = KEEP
    body: str | Keep = KEEP
    icon: str | Keep | None = KEEP
    image: str | Keep | None = KEEP
    url: str | Keep | None = KEEP

    def of(self, template: Template) -> Template:
        """The template as it shall be."""
        return replace(template, **given_of(self, ("name", "title", "body", "icon", "image", "url")))


class Templates:
    """The use cases. Each change is one conditional write with its audit entry."""

    def __init__(self, templates: Catalogue[Template], clock: Clock, randomness: Randomness) -> None:
        self._templates = templates
        self._clock = clock
        self._randomness = randomness

    def get(self, app: AppId, template: TemplateId) -> Template:
        """The template that something else names. Raises Refused: FIELD_INVALID where it is none of this app's."""
        found = self._templates.get(app, template)
        if found is None:
            raise Refused(Fault.FIELD_INVALID, "Unknown template", field="templateId")
        return found

    def show(self, app: AppId, template: TemplateId) -> Template:
        """One template. Raises Refused: NOT_FOUND."""
        found = self._templates.get(app, template)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Template not found")
        return found

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Template]:
        """The templates of an app, newest first; may lag a moment. Raises MalformedCursor."""
        return self._templates.listed(app, limit, cursor)

    def create(self, app: AppId, texts: TemplateTexts, actor: Actor) -> Template:
        """Keep a new one."""
        now = int(self._clock.now())
        made = Template(
            TemplateId(self._randomness.new_id()),
            app,
            texts.name,
            texts.title,
            texts.body,
            texts.icon,
            texts.image,
            texts.url,
            created_at=now,
            updated_at=now,
            revision=0,
        )
        self._templates.put(made, self._entry(made, Action.TEMPLATE_CREATED, actor))
        return made

    def change(self, app: AppId, template: TemplateId, change: TemplateChange, actor: Actor) -> Template:
        """The template as it is then. Raises Refused: NOT_FOUND."""

        def put(found: Template) -> Template:
            new = change.of(found)
            if new == found:
                return found
            new = replace(new, updated_at=int(self._clock.now()), revision=found.revision + 1)
            self._templates.put(new, self._entry(new, Action.TEMPLATE_CHANGED, actor))
            return new

        return self._try(app, template, put)

    def delete(self, app: AppId, template: TemplateId, actor: Actor) -> None:
        """Remove one; what was made of it stays as it is. Raises Refused: NOT_FOUND."""

        def remove(found: Template) -> Template:
            self._templates.remove(found, self._entry(found, Action.TEMPLATE_DELETED, actor))
            return found

        self._try(app, template, remove)

    def _try(self, app: AppId, template: TemplateId, write: Callable[[Template], Template]) -> Template:
        for _ in range(_RACES):
            try:
                return write(self.show(app, template))
            except Stale:
                continue
        raise Unavailable

    def _entry(self, template: Template, action: Action, actor: Actor) -> AuditEntry:
        details = {"template": template.id}
        return AuditEntry(self._randomness.new_id(), template.app, int(self._clock.now()), actor, action, details)
