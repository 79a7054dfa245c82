"""A person in front of a browser: follows redirects, keeps cookies, fills in the provider's form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from litestar import Litestar

MOST_REDIRECTS = 15


class Browser:
    """One browser. ``site``: the platform's origin, answered by the application in this process."""

    def __init__(self, http: httpx.AsyncClient, site: str) -> None:
        self.http = http
        self.site = site
        self.visited: list[str] = []

    async def go(self, url: str) -> httpx.Response:
        """Follow ``url`` and all its redirects."""
        return await self.follow(await self.http.get(urljoin(self.site, url)))

    async def step(self, url: str) -> httpx.Response:
        """Follow ``url`` once, and no redirect."""
        return await self.http.get(urljoin(self.site, url))

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Follow all redirects from ``answer`` on."""
        self.visited = [str(answer.url)]
        while answer.is_redirect:
            assert len(self.visited) < MOST_REDIRECTS, self.visited
            answer = await self.http.get(urljoin(str(answer.url), answer.headers["location"]))
            self.visited.append(str(answer.url))
        return answer

    async def sign_in(
        self, provider: str, account: str, where: str = "/sign-in/signed-out"
    ) -> httpx.Response:
        """Choose the provider, give it the account's name, and go where that leads."""
        form = await self.go(f"/sign-in/oidc/{provider}?next={where}")
        return await self.answer(form, account)

    async def answer(self, form: httpx.Response, account: str) -> httpx.Response:
        """Fill in the provider's form."""
        assert "/interaction/" in str(form.url), (form.status_code, form.text)
        return await self.follow(await self.http.post(form.url, data={"account": account}))

    async def authorize(self, provider: str, account: str) -> str:
        """The same, up to the redirect back to the platform, which is not followed: its address."""
        answer = await self.http.get(f"{self.site}/sign-in/oidc/{provider}")
        while not answer.headers["location"].startswith(self.site):
            answer = await self.http.get(urljoin(str(answer.url), answer.headers["location"]))
            if not answer.is_redirect:
                answer = await self.http.post(answer.url, data={"account": account})
        return str(answer.headers["location"])

    async def begin(self, provider: str, **query: str) -> dict[str, str]:
        """Choose the provider; what the browser is sent to it with."""
        answer = await self.http.get(f"{self.site}/sign-in/oidc/{provider}", params=query)
        assert answer.status_code == 303, answer.text
        return {
            name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
        }

    async def back(self, provider: str, **query: str) -> httpx.Response:
        """Come back from the provider with this answer."""
        return await self.http.get(f"{self.site}/sign-in/oidc/{provider}/callback", params=query)

    @property
    def session(self) -> str | None:
        """The name of the session in the cookie."""
        return self.http.cookies.get("vdept", domain="localhost.local") or None

    async def signed_in_as(self) -> str | None:
        """The address shown on the account page; None for nobody."""
        page = await self.http.get(f"{self.site}/account")
        if page.status_code == 303:
            return None
        assert page.status_code == 200, page.text
        return page.text.split('<span class="muted">')[1].split("<")[0]


@asynccontextmanager
async def browser(app: Litestar, site: str) -> AsyncIterator[Browser]:
    """A browser without any cookies."""
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        mounts={site: transport}, trust_env=False, headers={"accept-language": "en"}
    ) as http:
        yield Browser(http, site)
