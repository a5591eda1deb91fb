"""How much fits a message, to the byte."""

import pytest

from tests.builders import user_agent
from tocsin.webpush.encryption import PayloadTooLarge, encrypt, parse_keys
from tocsin.webpush.origins import PushService
from tocsin.webpush.room import SMALLEST_ROOM, room_of

BROWSER = user_agent(1)
KEYS = parse_keys(BROWSER.p256dh, BROWSER.auth)


@pytest.mark.row("X-6")
@pytest.mark.parametrize("service", set(PushService) - {PushService.FCM_V1})
def test_x_6_what_fits_a_push_service_fills_its_4096_bytes_and_one_byte_more_does_not(service: PushService) -> None:
    assert room_of(service) == 3993
    assert len(encrypt(bytes(room_of(service)), KEYS)) == 4096
    with pytest.raises(PayloadTooLarge):
        encrypt(bytes(room_of(service) + 1), KEYS)


@pytest.mark.row("X-6")
def test_x_6_what_fits_fcm_leaves_some_of_its_4096_bytes_for_what_it_adds_itself() -> None:
    assert SMALLEST_ROOM < room_of(PushService.FCM_V1) < 4000


@pytest.mark.row("X-6")
def test_x_6_the_smallest_room_fills_the_2744_bytes_that_mozilla_hands_on_to_android() -> None:
    assert SMALLEST_ROOM == 2641
    assert len(encrypt(bytes(SMALLEST_ROOM), KEYS)) == 2744
