"""The letter that carries a sign-in link."""

from datetime import timedelta

from vdept.identity.links import LIFETIME, NewLink, address_of_link
from vdept.kernel.errors import Locale
from vdept.kernel.mail import Letter
from vdept_graphql.pages import html

MINUTES = LIFETIME // timedelta(minutes=1)

_SUBJECT = {Locale.VI: "Liên kết đăng nhập Cục ảo", Locale.EN: "Your sign-in link to Virtual departments"}
_TEXT = {
    Locale.VI: """Kính gửi {name},

Mở liên kết sau rồi bấm “Đăng nhập”:

{link}

Liên kết dùng được một lần, trong {minutes} phút.
Nếu bạn không yêu cầu, hãy bỏ qua thư này; không ai đăng nhập được nếu không có liên kết.
Không chuyển tiếp thư này: ai có liên kết có thể đăng nhập thay bạn.
""",
    Locale.EN: """Dear {name},

Open this link, then press “Sign in”:

{link}

The link works once, for {minutes} minutes.
If you did not ask for it, ignore this letter; nobody can sign in without the link.
Do not forward this letter: whoever has the link can sign in as you.
""",
}


def link_letter(link: NewLink, issuer: str, where: str) -> Letter:
    """The letter, in its reader's own language."""
    person = link.person
    told = {"name": person.name, "link": address_of_link(issuer, link.token, where), "minutes": MINUTES}
    return Letter(
        person.name,
        person.email,
        _SUBJECT[person.locale],
        _TEXT[person.locale].format_map(told),
        html("letter", person.locale, subject=_SUBJECT[person.locale], **told),
    )
