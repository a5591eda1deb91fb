"""A campaign as an item and back."""

from dataclasses import asdict

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.domain.campaign import Campaign, CampaignStatus, Counted, Totals
from tocsin.domain.ids import AppId, CampaignId, SegmentId, TemplateId
from tocsin.domain.notification import Notification
from tocsin.domain.tenancy import DialectName


def _to_item(campaign: Campaign) -> Item:
    shown, due_at = campaign.notification, campaign.due_at
    return {
        "id": campaign.id,
        "app": campaign.app,
        "dialect": campaign.dialect,
        "name": campaign.name,
        "title": shown.title,
        "body": shown.body,
        "url": shown.url,
        "icon": shown.icon,
        "image": shown.image,
        "variables": dict(campaign.variables),
        "template": campaign.template,
        "segment": campaign.segment,
        "status": campaign.status,
        "reason": campaign.reason,
        "scheduled_at": campaign.scheduled_at,
        "sent_at": campaign.sent_at,
        "counted": None if campaign.counted is None else asdict(campaign.counted),
        "sealed": None if campaign.sealed is None else asdict(campaign.sealed),
        "created_at": campaign.created_at,
        "updated_at": campaign.updated_at,
        "due_pk": None if due_at is None else keys.campaign_due(campaign.id),
        "due_at": due_at,
    }


def _from_record(record: Record) -> Campaign:
    template, segment = record.text_or_none("template"), record.text_or_none("segment")
    values = record.record("variables")
    return Campaign(
        CampaignId(record.text("id")),
        AppId(record.text("app")),
        DialectName(record.text("dialect")),
        record.text("name"),
        Notification(
            record.text("title"),
            record.text("body"),
            record.text_or_none("url"),
            record.text_or_none("icon"),
            image=record.text_or_none("image"),
        ),
        CampaignStatus(record.text("status")),
        record.number("created_at"),
        record.number("updated_at"),
        {name: values.text(name) for name in values.names()},
        None if template is None else TemplateId(template),
        None if segment is None else SegmentId(segment),
        record.number_or_none("scheduled_at"),
        record.number_or_none("sent_at"),
        _counted(record.record("counted")) if "counted" in record else None,
        record.text_or_none("reason"),
        record.number_or_none("due_at"),
        _totals(record.record("sealed")) if "sealed" in record else None,
        record.number("revision"),
    )


def _counted(record: Record) -> Counted:
    return Counted(record.number("matched"), record.text("after"), record.number("revision"))


def _totals(record: Record) -> Totals:
    return Totals(**{name: record.number(name) for name in record.names()})


CAMPAIGN = Kind("CAMP", _to_item, _from_record)
