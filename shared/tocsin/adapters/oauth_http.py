"""Small requests to servers that issue tokens."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pycurl

from tocsin.adapters.push_http import open_public_socket
from tocsin.application.ports import OauthAnswer, Unavailable

_SECONDS = 4
_MOST = 64 * 1024


class OauthHttp:
    """The OauthServers port over pycurl, a connection each: they are an hour apart.

    outbound_proxy, ca_bundle: as PushHttp's. Without a proxy only public addresses are connected to.
    """

    def __init__(self, outbound_proxy: str = "", ca_bundle: str = "") -> None:
        self._proxy = outbound_proxy
        self._ca_bundle = ca_bundle

    def get(self, url: str) -> OauthAnswer:
        """GET. Raises Unavailable."""
        return self._answer(url, {})

    def post_form(self, url: str, form: Mapping[str, str]) -> OauthAnswer:
        """POST a form. Raises Unavailable."""
        # With the body pycurl makes it a POST of this media type: application/x-www-form-urlencoded.
        return self._answer(url, {pycurl.POSTFIELDS: urlencode(form)})

    def _answer(self, url: str, options: Mapping[int, object]) -> OauthAnswer:
        body, lines = bytearray(), list[bytes]()

        def received(data: bytes) -> int:
            body.extend(data)
            return len(data) if len(body) <= _MOST else 0

        curl = pycurl.Curl()
        try:
            for option, value in {
                pycurl.URL: url,
                pycurl.PROTOCOLS: pycurl.PROTO_HTTPS,
                pycurl.FOLLOWLOCATION: 0,
                pycurl.SSL_VERIFYPEER: 1,
                pycurl.SSL_VERIFYHOST: 2,
                pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
                # Both are set even when empty: left alone, libcurl takes them from the environment.
                pycurl.PROXY: self._proxy,
                pycurl.NOPROXY: "",
                pycurl.NOSIGNAL: 1,
                pycurl.USERAGENT: "Tocsin",
                pycurl.HTTPHEADER: ["Accept: application/json"],
                pycurl.TIMEOUT: _SECONDS,
                pycurl.HEADERFUNCTION: lines.append,
                pycurl.WRITEFUNCTION: received,
                **options,
            }.items():
                curl.setopt(option, value)
            if self._ca_bundle:
                curl.setopt(pycurl.CAINFO, self._ca_bundle)
            if not self._proxy:
                curl.setopt(pycurl.OPENSOCKETFUNCTION, open_public_socket)
            curl.perform()
            status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        except pycurl.error as error:
            raise Unavailable from error
        finally:
            curl.close()
        return OauthAnswer(status, _headers(lines), bytes(body))


def _headers(lines: list[bytes]) -> dict[str, str]:
    """The final answer's headers by name in lower case, the first of each; before it come a proxy's."""
    headers: dict[str, str] = {}
    for line in lines:
        if line.startswith(b"HTTP/"):
            headers.clear()
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers
