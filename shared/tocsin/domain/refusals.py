"""What a push service's answer means and what helps: a cause and a cure in plain words for everything that is said.

Sources: Apple's table of Web Push responses, the error codes in autopush's documentation, Microsoft's tables of WNS
responses, and RFC 8030 and 8292. Google publishes none for Web Push: its words are those that users report; for FCM
HTTP v1 it does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.domain.report import NOBODY, OTHER, Fate, Said
from tocsin.webpush.origins import PushService


@dataclass(frozen=True, slots=True)
class Advice:
    """Why, and what to do; sentences for people who have not read the protocols."""

    cause: str
    cure: str


def advice(said: Said) -> Advice:
    """What to tell about an answer; there is something for every one."""
    service, fate, reason = said
    own = _OURS.get(reason) if service == NOBODY else _ANYWHERE.get(reason)
    return own or _WORDS.get((service, reason)) or _of_status(reason) or _of_unknown(fate, reason)


_APPLE, _FCM, _MOZILLA, _WNS = PushService.APPLE, PushService.FCM, PushService.MOZILLA, PushService.WNS
_FCM_V1 = PushService.FCM_V1

_RESUBSCRIBED = (
    "The subscription is marked as expired and not sent to again. It comes back by itself when the person visits your "
    "site and the SDK subscribes anew."
)
_LATER = (
    "Nothing to do while the send runs: Tocsin waits as long as it is asked to and tries again, several times and "
    "until the TTL ends. Who failed in the end can be sent to again later; a larger ttl leaves more time."
)
_SLOWER = (
    f"{_LATER} If it happens often, send less often to the same people: only the newest message of a tag is worth "
    "having."
)
_REPORT = "This is a mistake of Tocsin's, not of yours: report it with the id of this send."
_CONTACT = (
    "Set the app's contact to an address that people read, at a public domain of yours: PATCH /admin/apps/{app} with "
    '{"contact": "mailto:push@your-domain"}. It counts for sends that are made afterwards; cancel this one with '
    "POST /admin/apps/{app}/sends/{send}/cancel if it is still running."
)
_NEW_KEY = (
    "add a VAPID key with POST /admin/apps/{app}/vapid-keys: new subscriptions are made under it, and the SDK moves "
    "the others at each person's next visit."
)
_SIGNED_WRONG = f"{_CONTACT} If the contact is in order, {_NEW_KEY}"
_PROXY = (
    "If the stack has an OutboundProxy, it must not touch the headers of what it forwards. Without one this is a "
    "mistake of Tocsin's: report it with the id of this send."
)
_SHORTER = "Shorten title, body and links. Tocsin tried a shorter form already, where there is one."

_MISMATCH = Advice(
    "The browser subscribed under another VAPID key than the one that Tocsin has noted for this subscription, and a "
    "push service takes messages only under the key that was subscribed with. Other subscriptions are not affected.",
    "Only the browser can mend it, by subscribing again: the SDK does so at the person's next visit. If many are "
    "refused like this, your pages subscribe with a key of somebody else's: compare what they use with "
    "GET /admin/apps/{app}/vapid-keys, or let the SDK subscribe, which always asks for the app's own.",
)
_TOKEN = Advice(
    "The push service refused the token that the message was signed with, and a fresh one as well.",
    _SIGNED_WRONG,
)
_GONE = Advice(
    "The subscription is over: the person took the permission back, cleared the browser's data, removed the app, or "
    "the browser was not used for long.",
    _RESUBSCRIBED,
)
_UNKNOWN_ADDRESS = Advice("The push service does not know the subscription's address (any more).", _RESUBSCRIBED)
_TOO_LARGE = Advice("The encrypted message is larger than this push service takes for this browser.", _SHORTER)
_BUSY = Advice("The push service asks for fewer messages in a time, to all or to this one browser.", _SLOWER)
_TROUBLE = Advice("The push service is in trouble; that is not for anything in the message.", _LATER)
_BRIDGE = Advice(
    "Mozilla's push service could not hand the message on to the service that reaches this phone; that is not for "
    "anything in the message.",
    _LATER,
)
_UNREADABLE_TOKEN = Advice("The push service could not read the Authorization header of our request.", _PROXY)


def _malformed(what: str) -> Advice:
    return Advice(f"The push service refused our request for {what}.", _REPORT)


_ENCRYPTION = _malformed("its encryption: a header of it is missing or has no sense")
_TTL = _malformed("its TTL header")
_TOPIC = _malformed("its Topic header")

_NEW_ACCOUNT = (
    "upload a key of a service account of the Firebase project that your app was built with: "
    "PUT /admin/apps/{app}/fcm with the file from the Firebase console, Project settings, Service accounts."
)
_NOT_ALLOWED = Advice(
    "FCM does not let the service account send for its project: the FCM API is switched off there, or the account has "
    "no role for it.",
    "In the Google Cloud console switch the Firebase Cloud Messaging API on for the project and give the account the "
    f"role Firebase Cloud Messaging API Admin; or {_NEW_ACCOUNT}",
)
_ACCESS_REFUSED = Advice(
    "FCM refused the access token that Google gave us for the service account, and a fresh one as well.",
    _NOT_ALLOWED.cure,
)
_NO_PROJECT = Advice("FCM does not know the service account's project.", f"To mend it, {_NEW_ACCOUNT}")

_WORDS: Mapping[tuple[str, str], Advice] = {
    # https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
    (_APPLE, "BadJwtToken"): Advice(
        "Apple refuses the token that the message was signed with. Nearly always that is the VAPID subject, which is "
        "the app's contact: Apple takes only a mailto: or https: address at a public domain, while the other push "
        "services take any.",
        _SIGNED_WRONG,
    ),
    (_APPLE, "BadVapidPublicKey"): Advice(
        "Apple does not take the app's VAPID key for a key.", f"Give the app another one: {_NEW_KEY}"
    ),
    (_APPLE, "VapidPkHashMismatch"): _MISMATCH,
    (_APPLE, "BadAuthorizationHeader"): _UNREADABLE_TOKEN,
    (_APPLE, "BadTtl"): _TTL,
    (_APPLE, "BadUrgency"): _malformed("its Urgency header"),
    (_APPLE, "BadWebPushTopic"): _TOPIC,
    (_APPLE, "BadWebPushRequest"): _ENCRYPTION,
    (_APPLE, "MethodNotAllowed"): _malformed("its method"),
    (_APPLE, "BadPath"): _UNKNOWN_ADDRESS,
    (_APPLE, "BadDeviceToken"): _UNKNOWN_ADDRESS,
    (_APPLE, "Unregistered"): _GONE,
    (_APPLE, "ExpiredToken"): _GONE,
    (_APPLE, "PayloadTooLarge"): _TOO_LARGE,
    (_APPLE, "TooManyRequests"): Advice("Apple was sent too many messages for the same device in a row.", _SLOWER),
    (_APPLE, "TooManyProviderTokenUpdates"): Advice(
        "Apple wants the token that signs messages to change at most once an hour.", _LATER
    ),
    (_APPLE, "InternalServerError"): _TROUBLE,
    (_APPLE, "ServiceUnavailable"): _TROUBLE,
    (_APPLE, "Shutdown"): Advice("Apple's server that answered was being shut down.", _LATER),
    # https://mozilla-services.github.io/autopush-rs/errors.html
    (_MOZILLA, "errno 101"): _ENCRYPTION,
    (_MOZILLA, "errno 102"): _UNKNOWN_ADDRESS,
    (_MOZILLA, "errno 103"): _GONE,
    (_MOZILLA, "errno 104"): Advice(
        "The encrypted message is larger than Mozilla's push service takes for this browser; phones that are reached "
        "over another service take less than computers.",
        _SHORTER,
    ),
    (_MOZILLA, "errno 105"): _GONE,
    (_MOZILLA, "errno 106"): _GONE,
    (_MOZILLA, "errno 107"): _malformed("its channel"),
    (_MOZILLA, "errno 108"): _malformed("the kind of browser in the subscription's address"),
    (_MOZILLA, "errno 109"): Advice(
        "Mozilla's push service refused the token that the message was signed with, and a fresh one as well. It says "
        "so where the browser subscribed under another VAPID key than the one that Tocsin has noted, and where the "
        "token itself is wrong.",
        f"If only some subscriptions are refused: {_MISMATCH.cure} If all are: {_NEW_KEY}",
    ),
    (_MOZILLA, "errno 110"): _ENCRYPTION,
    (_MOZILLA, "errno 111"): _malformed("a header that is missing"),
    (_MOZILLA, "errno 112"): _TTL,
    (_MOZILLA, "errno 113"): _TOPIC,
    (_MOZILLA, "errno 114"): _TTL,
    (_MOZILLA, "errno 201"): _BUSY,
    (_MOZILLA, "errno 202"): Advice("Mozilla's push service had to be asked once more.", _LATER),
    (_MOZILLA, "errno 900"): _BRIDGE,
    (_MOZILLA, "errno 901"): _BRIDGE,
    (_MOZILLA, "errno 902"): _BRIDGE,
    (_MOZILLA, "errno 903"): _BRIDGE,
    (_MOZILLA, "errno 999"): _TROUBLE,
    (_FCM, "NotRegistered"): _GONE,
    (_FCM, "VapidKeyMismatch"): _MISMATCH,
    (_FCM, "UnauthorizedRegistration"): Advice(
        "Google's push service wants to know who sends, and did not find our VAPID token good enough for this "
        "subscription. It says so of browsers that subscribed without a VAPID key, or under a Google sender id, too.",
        f"If only some subscriptions are refused, their browsers have to subscribe again, which the SDK does at the "
        f"person's next visit. If all are: {_SIGNED_WRONG}",
    ),
    (_FCM, "status 403"): Advice(
        "Google's push service refused the token that the message was signed with.", _SIGNED_WRONG
    ),
    # https://firebase.google.com/docs/cloud-messaging/error-codes
    (_FCM_V1, "UNREGISTERED"): Advice(
        "The app was removed from the device, or it got a new registration token.",
        "The device is marked as expired and not sent to again. It comes back by itself when the app registers again.",
    ),
    (_FCM_V1, "INVALID_ARGUMENT token"): Advice(
        "What the device was registered with is no registration token of FCM's.",
        "The device is marked as expired and not sent to again. If many are refused like this, look at what your app "
        "registers: it has to be the whole token of the Firebase SDK, not the APNs token of an iPhone.",
    ),
    (_FCM_V1, "INVALID_ARGUMENT field"): _malformed("a member of the message"),
    (_FCM_V1, "INVALID_ARGUMENT"): Advice(
        "FCM refused the message without saying why; nearly always it is too large for the device.", _SHORTER
    ),
    (_FCM_V1, "SENDER_ID_MISMATCH"): Advice(
        "The device's registration token belongs to another Firebase project than the app's service account.",
        f"If all are refused like this, {_NEW_ACCOUNT} If only some are, they run a build of your app that was made "
        "for another project, and have to register again with a new one.",
    ),
    (_FCM_V1, "PERMISSION_DENIED"): _NOT_ALLOWED,
    (_FCM_V1, "status 403"): _NOT_ALLOWED,
    (_FCM_V1, "UNAUTHENTICATED"): _ACCESS_REFUSED,
    (_FCM_V1, "status 401"): _ACCESS_REFUSED,
    (_FCM_V1, "NOT_FOUND"): _NO_PROJECT,
    (_FCM_V1, "status 404"): _NO_PROJECT,
    (_FCM_V1, "THIRD_PARTY_AUTH_ERROR"): Advice(
        "FCM could not hand the message on to Apple: the Firebase project has no key for APNs, or one that Apple "
        "refuses. It says so of browsers with a broken web push key pair, too.",
        "In the Firebase console, Project settings, Cloud Messaging, upload an APNs authentication key of your Apple "
        "team, for the bundle id that your app has. Android devices are not affected.",
    ),
    (_FCM_V1, "QUOTA_EXCEEDED"): _BUSY,
    (_FCM_V1, "RESOURCE_EXHAUSTED"): _BUSY,
    (_FCM_V1, "UNAVAILABLE"): _TROUBLE,
    (_FCM_V1, "INTERNAL"): _TROUBLE,
    (_FCM_V1, "no access token"): Advice(
        "Google's token service gave us no access token for the app's service account: it did not answer, or it is in "
        "trouble.",
        _LATER,
    ),
    (_FCM_V1, "account refused"): Advice(
        "Google refuses the app's service account: its key was deleted, or the account was disabled.",
        f"Tocsin tries again each minute, so mend it while the send runs: {_NEW_ACCOUNT}",
    ),
    # https://learn.microsoft.com/windows/apps/develop/notifications/push-notifications/push-request-response-headers
    (_WNS, "dropped"): Advice(
        "Microsoft's push service dropped the message: the browser or the person does not let it through, or the "
        "device is offline and the message was not to wait.",
        "Give a message that may wait a ttl of an hour or more. Whom it happens to again and again has notifications "
        "switched off in Windows or in Edge.",
    ),
    (_WNS, "channelthrottled"): Advice("Microsoft's push service was sent too much for this one browser.", _SLOWER),
    (_WNS, "appthrottled"): Advice("Microsoft's push service was sent too much in a time by this sender.", _SLOWER),
    (_WNS, "status 403"): _MISMATCH,
    (_WNS, "status 406"): _BUSY,
    (_WNS, "Ttl value conflicts with X-WNS-Cache-Policy."): _TTL,
    (_WNS, "The channel has expired"): _GONE,
}
"""(push service, its word) -> advice, where the word says more than the status."""

_STATUSES: Mapping[int, Advice] = {
    400: _malformed("something that it does not name"),
    401: _TOKEN,
    403: Advice("The push service refuses the VAPID key or the token that the message was signed with.", _TOKEN.cure),
    404: _UNKNOWN_ADDRESS,
    405: _malformed("its method"),
    406: _BUSY,
    408: _TROUBLE,
    410: _GONE,
    413: _TOO_LARGE,
    425: _TROUBLE,
    429: _BUSY,
}
_CLASSES: Mapping[int, Advice] = {
    2: Advice("The push service took the message.", "Nothing to do."),
    3: Advice(
        "The push service says that the subscription has moved. Tocsin follows no such hint: whoever could send one "
        "would learn what we send.",
        "The browser has to subscribe again, which the SDK does at the person's next visit. If all are refused like "
        "this, something between the stack and the push service answers in its place: look at the OutboundProxy.",
    ),
    4: _STATUSES[400],
    5: _TROUBLE,
}
_STATUS = re.compile(r"status ([0-9]+)")

_OURS: Mapping[str, Advice] = {
    "unsubscribed": Advice(
        "Between the acceptance of the send and its turn the person turned notifications off, the browser went over to "
        "somebody else, or the subscription was removed.",
        "Nothing to do: nobody is sent to who does not want it any more.",
    ),
    "no such VAPID key": Advice(
        "The app does not have the VAPID key that this subscription was made under, so nothing can be signed for it.",
        "The browser has to subscribe again, which the SDK does at the person's next visit; "
        "GET /admin/apps/{app}/vapid-keys shows the keys that there are.",
    ),
    "unsupported": Advice(
        "This device runs an app and is reached through FCM, for which the app has no service account here.",
        f"To reach it, {_NEW_ACCOUNT}",
    ),
    "expired": Advice(
        "The send's TTL ended before these recipients had their turn, or while the send was paused.",
        "Send again, with a larger ttl: it has to cover the waits that push services ask for, and pauses. Without a "
        "ttl a message may wait for a day.",
    ),
    "cancelled": Advice(
        "The send was cancelled before these recipients had their turn.",
        "Nothing to do; credits for them were released.",
    ),
    "given up": Advice(
        "The workers of this part of the send kept ending before their work did, so it was closed.",
        "Look into the log of the deliver function at the time of this send, mend what stands there, and send again to "
        "those who were not reached.",
    ),
}
"""Our own reasons, where no push service was asked."""

_ANYWHERE: Mapping[str, Advice] = {
    "not sent": Advice(
        "The message never left: the push service could not be reached, or all connections to it were busy.",
        f"{_LATER} If it happens to most of them, the way out of the stack is slow or speaks HTTP/1.1 only: look at "
        "its OutboundProxy, if it has one.",
    ),
    "no answer": Advice(
        "The push service did not answer within ten seconds, or the connection to it broke.",
        f"{_LATER} If no push service can be reached, look at the way out of the stack: its OutboundProxy, if it has "
        "one.",
    ),
    OTHER: Advice(
        "Answers that were too rare to be kept by name: a send's record stays small.",
        "Look at the more frequent ones first; the logs of the functions send and deliver have each of them.",
    ),
}
"""Our own reasons, where one was."""


def _of_status(reason: str) -> Advice | None:
    found = _STATUS.fullmatch(reason)
    if found is None:
        return None
    status = int(found[1])
    return _STATUSES.get(status) or _CLASSES.get(status // 100, _TROUBLE)


def _of_unknown(fate: Fate, reason: str) -> Advice:
    look_up = "Look the word up in the push service's documentation"
    match fate:
        case Fate.ACCEPTED:
            return Advice(f"The push service took the message with a remark of its own: {reason}.", f"{look_up}.")
        case Fate.GONE:
            return Advice(f"{_GONE.cause} The push service has a word of its own for it: {reason}.", _GONE.cure)
        case Fate.RETRIED:
            return Advice(f"The push service put the message off with a word of its own: {reason}.", _LATER)
        case Fate.FAILED:
            told = f"{look_up}. If that does not help, report it with the id of this send."
            return Advice(f"The push service refused the message with a word of its own: {reason}.", told)
