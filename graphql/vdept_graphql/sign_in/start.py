"""The sign-in page, and asking for a link by mail.

Whoever asks learns nothing of who exists: the answer has gone out before anybody is looked up.
"""

import asyncio
from datetime import timedelta
from typing import Any

from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask

from vdept.identity.links import create_link
from vdept.identity.rules import safe_next
from vdept.kernel.clock import utc_now
from vdept.kernel.errors import Kind, Refusal, Refused, Words
from vdept.kernel.mail import Mailer
from vdept.people.rules import clean_email
from vdept_graphql.errors import incident
from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in import oidc
from vdept_graphql.sign_in.forms import form_of
from vdept_graphql.sign_in.letters import MINUTES, link_letter
from vdept_graphql.sign_in.problems import TooMany, reader
from vdept_graphql.sign_in.session import SYSTEM, address_of, name_of, security, signed_in

ASKED = 100
PER = timedelta(minutes=10)
"""Links that may be asked for from one address of the network, which may be a whole office."""

LETTERS_AT_ONCE = 5
LETTERS_WAITING = 100
"""Letters that a process has under way; what is asked for beyond is dropped, and logged."""

WRONG_ADDRESS = Words(
    "Địa chỉ thư điện tử chưa đúng dạng ten@coquan.gov.vn.",
    "This is not an e-mail address like name@example.gov.vn.",
)
NO_MAIL = Refusal(
    "NO_MAIL_SERVER",
    Kind.CONFLICT,
    vi="Hệ thống này chưa gửi được thư. Hãy đề nghị người quản trị tạo liên kết đăng nhập cho bạn.",
    en="This platform cannot send mail yet. Ask whoever runs it to make a sign-in link for you.",
)


class Letters:
    """Makes links and sends them, after the answer to whoever asked for them."""

    def __init__(self, services: Services, mailer: Mailer) -> None:
        self._services = services
        self._mailer = mailer
        self._waiting = 0
        self._turn = asyncio.Semaphore(LETTERS_AT_ONCE)

    async def send_link(self, email: str, where: str, address: str) -> None:
        """Send the person with this mailbox a link, if there is one and it has not had enough of them."""
        if self._waiting >= LETTERS_WAITING:
            security.warning("sign-in link not sent", reason="TOO_MANY_LETTERS", address=address)
            return
        self._waiting += 1
        try:
            async with self._turn:
                await self._send_link(email, where)
        except Refused as refused:
            security.warning("sign-in link not sent", reason=refused.code, address=address)
        except Exception as error:  # noqa: BLE001  nobody waits for this any more: it must not get lost
            incident(error)
        finally:
            self._waiting -= 1

    async def _send_link(self, email: str, where: str) -> None:
        now = utc_now()
        async with self._services.database.begin(SYSTEM, now=now) as tx:
            link = await create_link(tx, email)
        await self._mailer.send(link_letter(link, self._services.settings.issuer, where), now)


def routes(services: Services) -> list[Any]:
    """The route handlers of the sign-in page."""
    throttle = services.throttle
    mailer = Mailer.of(services.settings)
    letters = None if mailer is None else Letters(services, mailer)

    def page(
        request: Request[Any, Any, Any], where: str, status: int = 200, **values: Any
    ) -> Response[bytes]:
        shown: dict[str, Any] = {
            "buttons": oidc.buttons(services, where),
            "by_mail": letters is not None,
            "next": where,
            "name": None,
            "email": "",
            "wrong": None,
        }
        return render("sign_in", reader(request), status=status, **(shown | values))

    @get("/sign-in")
    async def sign_in(request: Request[Any, Any, Any]) -> Response[bytes]:
        """How to sign in. Somebody signed in already is asked before going on: no way to go in circles."""
        found = await signed_in(services, request)
        name = None if found is None else await name_of(services, found.actor)
        return page(request, safe_next(request.query_params.get("next")), name=name)

    @post("/sign-in/link", status_code=200)
    async def ask(request: Request[Any, Any, Any]) -> Response[bytes]:
        fields = await form_of(request, services.settings.issuer)
        if letters is None:
            raise NO_MAIL.at()
        address = address_of(request)
        if wait := await throttle.allow(f"sign-in-link:asked:{address}", limit=ASKED, per=PER):
            security.warning("sign-in refused", method="link", reason="TOO_MANY", address=address)
            raise TooMany(wait)
        where, given = safe_next(fields.get("next")), fields.get("email", "")
        try:
            email = clean_email(given, "email")
        except Refused:
            return page(request, where, 400, email=given[:254], wrong=WRONG_ADDRESS)
        response = render("link_sent", reader(request), email=email, minutes=MINUTES, next=where)
        response.background = BackgroundTask(letters.send_link, email, where, address)
        return response

    return [sign_in, ask]
