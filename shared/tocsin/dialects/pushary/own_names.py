"""What is not known is ignored, as the document's clients expect, but not what would have said whom something is for,
when it goes out, or what it shows: a target by another name would make one person's message everybody's."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum, auto
from typing import Any, cast

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from tocsin.dialect_kit.bodies import SparseModel

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TARGETS = {
    *("subscriber", "subscription", "external", "user", "player", "member", "customer", "person", "people", "client"),
    *("device", "token", "registration", "email", "mail", "phone", "alias", "recipient", "audience", "target"),
    *("targeting", "segment", "tag", "label", "topic", "filter", "include", "included", "exclude", "excluded", "to"),
}
_SOURCES = {"campaign", "trigger"}
_TIMES = {"schedule", "scheduled", "scheduling", "delay", "delayed"}
_BEGINNINGS, _WHEN = {"send", "deliver", "start", "publish", "launch"}, {"at", "on", "after", "time", "date"}
_LINKS = {"url", "uri", "link", "href"}
_OF_LINKS = {"action", "click", "redirect", "launch", "open", "landing", "web", "deep", "page", "site"}
_PICTURES = {"icon", "image", "picture", "photo"}
_SHOWN = 32


class Meant(Enum):
    """What a member that is not known may have been meant for."""

    TARGET = auto()
    SOURCE = auto()
    TIME = auto()
    PICTURE = auto()
    LINK = auto()


Names = Mapping[Meant, str]
"""What is told of a member that is meant for something, after its name."""
TEXTS: Names = {
    Meant.PICTURE: "is not known here: pictures are named iconUrl and imageUrl",
    Meant.LINK: "is not known here: the link is named actionUrl",
}
CAMPAIGN: Names = {
    Meant.TARGET: "is not known here: a campaign is for everybody, or for a segmentId",
    Meant.TIME: "is not known here: the time is named scheduledAt",
    **TEXTS,
}
SEND: Names = {
    Meant.TARGET: "is not known here: targets are named subscriberIds, externalIds and tags",
    Meant.TIME: "is not known here, as this goes out at once: a campaign can wait for its scheduledAt",
    **TEXTS,
    Meant.LINK: "is not known here: the link is named url",
}
FLOW: Names = dict.fromkeys(
    (Meant.SOURCE, Meant.TARGET), "is not known here: a flow is for everybody, or narrowed by triggerCampaignId"
)


def own_names(told: Names) -> Any:
    """A validator of a model: a member that is not known must not be meant for one of these.

    To stand before a model's other validators of the kind, which then look first.
    """

    def check(cls: type[BaseModel], fields: object) -> object:
        absent = issubclass(cls, SparseModel)  # where a null counts as absent
        for name, value in fields.items() if isinstance(fields, dict) else ():
            meant = None if name in cls.model_fields or (absent and value is None) else _meant(name)
            if meant is not None and meant in told:
                error = PydanticCustomError("other_name", "{told}", {"told": told[meant]})
                one = InitErrorDetails(type=error, loc=(name[:_SHOWN],), input=None)
                raise ValidationError.from_exception_data(cls.__name__, [one])
        return fields

    return model_validator(mode="before")(cast("Any", classmethod(check)))


def _meant(name: str) -> Meant | None:
    words = {_one(word.lower()) for word in _WORD.findall(name)}
    if words & _TARGETS or name == "ids" or _is_like(name, "subscriberids", "externalids", "segmentid"):
        return Meant.TARGET
    if words & _SOURCES:
        return Meant.SOURCE
    if words & _TIMES or (words & _BEGINNINGS and words & _WHEN) or _is_like(name, "scheduledat"):
        return Meant.TIME
    if words & _PICTURES:
        return Meant.PICTURE
    if (words & _LINKS and words <= _LINKS | _OF_LINKS) or words == {"click", "action"}:
        return Meant.LINK
    return None


def _one(word: str) -> str:
    """The word, as it is when there is one of it."""
    return word.removesuffix("es") if word.endswith("ases") else word.removesuffix("s")


def _is_like(name: str, *right: str) -> bool:
    """Whether it is one of these with a letter or two wrong."""
    return len(name) <= _SHOWN and bool(get_close_matches(name.lower().replace("_", ""), right, cutoff=0.85))
