"""What is not known is ignored, as the document's clients expect, but not what would have said whom something is for:
a misspelt target would make one person's message everybody's."""

import re
from collections.abc import Mapping

from pydantic import BaseModel

_TARGET = re.compile(r"(subscriber|external|user|segment)s?[_-]?(ids?)?|tags?|targets?", re.IGNORECASE)
_SOURCE = re.compile(r"(trigger)?[_-]?campaigns?[_-]?(ids?)?", re.IGNORECASE)
_SHOWN = 32


def refuse_other_targets(model: type[BaseModel], fields: Mapping[str, object], right: str) -> None:
    """Raises ValueError for a member that looks like a target and is none. right: how targets are named instead."""
    for name in fields.keys() - model.model_fields.keys():
        if _TARGET.fullmatch(name):
            raise ValueError(f"must name its targets by {right}, not by {name[:_SHOWN]}")


def refuse_other_sources(model: type[BaseModel], fields: Mapping[str, object]) -> None:
    """The same for what begins a flow: any notification of the site, or those of one campaign."""
    for name in fields.keys() - model.model_fields.keys():
        if _SOURCE.fullmatch(name) or _TARGET.fullmatch(name):
            raise ValueError(f"must be narrowed by triggerCampaignId, not by {name[:_SHOWN]}")
