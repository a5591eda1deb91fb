"""A customer's site as strict as one can be: Content-Security-Policy with Trusted Types, its own worker file."""

from dataclasses import dataclass

from aiohttp import web

_PAGE = """<!doctype html>
<html lang="de">
<title>Corner Shop</title>
<script type="module" src="/page.js"></script>
"""

# The page only loads the SDK and notes what happens; tests drive it through `window.push`.
_SCRIPT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
const push = await import(new URLSearchParams(location.search).get("sdk"));
window.events = [];
for (const type of ["change", "permission", "subscribe", "unsubscribe", "error"]) {
  push.on(type, (detail) => window.events.push({type, code: detail?.code ?? null}));
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
    extra_sources: str = ""
    """Origin that the page may connect to, besides `api`."""
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

    async def _page(self, _: web.Request) -> web.Response:
        policy = (
            f"default-src 'none'; script-src 'self' {self.api}; connect-src {self.api} {self.extra_sources};"
            " worker-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script';"
            f" trusted-types {self.trusted_types}"
        )
        return web.Response(text=_PAGE, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(text=self.before + _SCRIPT, content_type="text/javascript")

    async def _worker(self, _: web.Request) -> web.Response:
        if self.worker is None:
            raise web.HTTPNotFound
        return web.Response(text=self.worker, content_type=self.worker_type)

    async def _order(self, request: web.Request) -> web.Response:
        return web.Response(text=f"<title>Order {request.match_info['id']}</title>", content_type="text/html")
