"""What is not known is ignored, as the document's clients expect, but not what would have said whom something is for,
when it goes out, or what it shows: a misspelt target would make one person's message everybody's, and at once."""

import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, model_validator

_WHO = "subscriber|subscription|external|user|segment|device|client|player|customer|person|tag|label"
_TARGET = re.compile(
    rf"((in|ex)cluded?[_-]?)?(({_WHO})s?([_-]?ids?)?|(target|recipient|audience|filter|e?mail)s?|ids)|to", re.IGNORECASE
)
_SOURCE = re.compile(r"(trigger)?[_-]?campaigns?[_-]?(ids?)?", re.IGNORECASE)
_TIME = re.compile(
    r"sc?h?edule[drs]?[_-]?(at|for|time|date|on)?|(send|deliver)[_-]?(at|after|on|time|date)|delay", re.IGNORECASE
)
_LINK = re.compile(r"(action|click|target|launch|web|deep)?[_-]?(url|link|href)", re.IGNORECASE)
_PICTURE = re.compile(r"(icon|image|picture)s?[_-]?(url)?", re.IGNORECASE)
_SHOWN = 32

Meant = Mapping[re.Pattern[str], str]
"""What a member may be that has another name here, and what is told of it."""

_PICTURES = {_PICTURE: "must name its pictures by iconUrl and imageUrl, not by {name}"}
TEXTS: Meant = {_LINK: "must name its link by actionUrl, not by {name}", **_PICTURES}
CAMPAIGN: Meant = {
    _TARGET: "must name its targets by segmentId, not by {name}",
    _TIME: "must name its time by scheduledAt, not by {name}",
    **TEXTS,
}
SEND: Meant = {
    _TARGET: "must name its targets by subscriberIds, externalIds or tags, not by {name}",
    _TIME: "must not have {name}, as it goes out at once: a campaign can wait for its scheduledAt",
    _LINK: "must name its link by url, not by {name}",
    **_PICTURES,
}
FLOW: Meant = {
    _SOURCE: "must be narrowed by triggerCampaignId, not by {name}",
    _TARGET: "must be narrowed by triggerCampaignId, not by {name}",
}


def own_names(meant: Meant) -> Any:
    """A validator of a model: a member that is not known must not look like one of these."""

    def check(cls: type[BaseModel], fields: object) -> object:
        for name in fields.keys() - cls.model_fields.keys() if isinstance(fields, dict) else ():
            for looks, told in meant.items():
                if looks.fullmatch(name):
                    raise ValueError(told.format(name=name[:_SHOWN]))
        return fields

    return model_validator(mode="before")(cast("Any", classmethod(check)))
