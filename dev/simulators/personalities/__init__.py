"""One module a push service; `PERSONALITIES` is all that the engine knows of them."""

from collections.abc import Mapping

from dev.simulators.personalities.apple import Apple
from dev.simulators.personalities.fcm import Fcm
from dev.simulators.personalities.mozilla import Mozilla
from dev.simulators.personalities.wns import Wns
from dev.simulators.push_services import Personality, Service

PERSONALITIES: Mapping[Service, Personality] = {
    Service.MOZILLA: Mozilla(),
    Service.FCM: Fcm(),
    Service.APPLE: Apple(),
    Service.WNS: Wns(),
}
