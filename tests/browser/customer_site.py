"""A customer's site as strict as one can be: Content-Security-Policy with Trusted Types, its own worker file."""

from dataclasses import dataclass

from aiohttp import web

_NONCE = "c2VjcmV0"
_PAGE = """<!doctype html>
<html lang="{lang}">
<title>Corner Shop</title>
<script type="module" nonce="{nonce}" src="/page.js"></script>
"""

# The page only loads the SDK and notes what happens; tests drive it through `window.push`.
_SCRIPT = """
const push = await import(new URLSearchParams(location.search).get("sdk"));
window.events = [];
for (const type of ["change", "permission", "subscribe", "unsubscribe", "notification", "click", "error"]) {
  push.on(type, (detail) => window.events.push({type, code: detail?.code ?? null, detail}));
}
window.push = push;
"""


@dataclass(slots=True)
class CustomerSite:
    """`api` is the origin of Tocsin's server; `worker` the content of /tocsin-sw.js, None for a 404."""

    api: str
    worker: str | None
    worker_type: str = "text/javascript"
    trusted_types: str = "tocsin"
    lang: str = "de"
    extra_sources: str = ""
    """Origin that the page may connect to, besides `api`."""
    strict_worker: bool = False
    """The worker's file comes with the same policy."""
    before: str = ""
    """Script that runs before the SDK is loaded."""

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/page.js", self._script),
                web.get("/tocsin-sw.js", self._worker),
                web.get("/orders/{id}", self._order),
            ]
        )
        return application

    @property
    def _headers(self) -> dict[str, str]:
        policy = (
            f"default-src 'none'; script-src 'nonce-{_NONCE}' {self.api}; connect-src {self.api} {self.extra_sources};"
            " worker-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script';"
            f" trusted-types {self.trusted_types}"
        )
        return {"Content-Security-Policy": policy}

    async def _page(self, _: web.Request) -> web.Response:
        page = _PAGE.format(lang=self.lang, nonce=_NONCE)
        return web.Response(text=page, content_type="text/html", headers=self._headers)

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(text=self.before + _SCRIPT, content_type="text/javascript")

    async def _worker(self, _: web.Request) -> web.Response:
        if self.worker is None:
            raise web.HTTPNotFound
        headers = self._headers if self.strict_worker else {}
        return web.Response(text=self.worker, content_type=self.worker_type, headers=headers)

    async def _order(self, request: web.Request) -> web.Response:
        return web.Response(text=f"<title>Order {request.match_info['id']}</title>", content_type="text/html")
