"""The page behind a code: whose notifications these are, a button, and afterwards the inbox (BN-8, BN-19, BN-20)."""

from html import escape

from starlette.responses import Response

from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.pages import SUBSCRIBES, help_for, page
from tocsin.domain.tenancy import App

_OVER = "This link can be used no more. Ask whoever gave it to you for a new one."


def enrolment_page(app: App, code: str | None) -> Response:
    """The page of an app. code: None for a browser that came by one earlier."""
    id_ = render("app", app.id)
    name = f'<a href="{escape(app.site_url)}">{escape(app.name)}</a>'
    # The code stands in the address of the installed app, too: an iPhone subscribes only from there.
    manifest = f"/qrcode/{code or id_}/manifest.json?app={id_}"
    main = (
        f"<h1>Notifications of {escape(app.name)}</h1>"
        f"<p>{name} would like to send notifications to this device. You can turn them off again on this page.</p>"
        '<p id="hint" role="status"></p>'
        "<noscript><p>Turning notifications on needs JavaScript, which is switched off in this browser.</p></noscript>"
        f'<div id="enrolment" data-app="{id_}" data-code="{code or ""}" hidden>'
        '<button id="turn-on" type="button" hidden>Turn on notifications</button>'
        '<section id="on" hidden>'
        '<label><input id="mute" type="checkbox"> Mute: keep new ones in the list below, without a sound</label>'
        '<h2>Your notifications</h2><p id="none">There is none yet.</p><div id="notes"></div>'
        '<button id="turn-off" type="button">Turn off notifications</button>'
        "</section></div>"
        f'<section id="install"><h2>On an iPhone or iPad</h2>{help_for("ios")}</section>'
        f'<footer><a href="/mobile?app={id_}">Help for your device</a></footer>'
    )
    return page(f"Notifications of {app.name}", main, script="enrol.js", manifest=manifest, policy=SUBSCRIBES)


def expired_page() -> Response:
    """The page of a code that is none, or is one no more; which of both is nobody's business."""
    return page("Link expired", f"<h1>Link expired</h1><p>{_OVER}</p>", status=404)
