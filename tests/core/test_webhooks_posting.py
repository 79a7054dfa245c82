"""No name, redirect, proxy or certificate makes the platform send anything where it may not."""

import asyncio
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from certificates import Authority
from vdept.notifications.webhooks.addresses import Address
from vdept.notifications.webhooks.posting import NotDelivered, Post, Resolver
from vdept.notifications.webhooks.rules import Failure
from webhook_receiver import answer, receiving
from webhook_scene import HERE


class Names:
    """A resolver of the test's own: each name's answers in turn, the last one for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name: list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        found = self.answers[host.partition(".")[0]]
        return [ip_address(one) for one in (found.pop(0) if len(found) > 1 else found[0])]


async def refused(post: Post, url: str) -> Failure:
    with pytest.raises(NotDelivered) as error:
        await post(url, {}, b"{}")
    await post.close()
    return error.value.failure


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    async with receiving() as receiver:
        names = Names(hook=[["127.0.0.1"]])
        assert await refused(Post((), resolve=names), f"http://hook.hue.vn:{receiver.port}/") == (
            Failure.ADDRESS_NOT_PUBLIC
        )
        assert (names.asked, receiver.connections) == (["hook.hue.vn"], 0)


async def test_one_bad_address_among_good_ones_spoils_the_name() -> None:
    async with receiving() as receiver:
        for order in (["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]):
            post = Post((), resolve=Names(hook=[order]))
            assert await refused(post, f"http://hook.hue.vn:{receiver.port}/") == Failure.ADDRESS_NOT_PUBLIC
        assert receiver.connections == 0


async def test_a_name_is_looked_up_once_a_connection_and_the_answer_is_what_is_connected_to() -> None:
    """DNS rebinding: the second answer, another one, is never asked for."""
    async with receiving() as receiver:
        names = Names(hook=[["127.0.0.1"], ["169.254.169.254"]])
        post = Post(HERE, resolve=names)
        assert (await post(f"http://hook.hue.vn:{receiver.port}/a?b", {}, b"{}")).status == 204
        assert names.asked == ["hook.hue.vn"]
        assert receiver.arrived[0].headers["host"] == f"hook.hue.vn:{receiver.port}"
        assert receiver.arrived[0].target == "/a?b"
        await post.close()
        assert await refused(post, f"http://hook.hue.vn:{receiver.port}/") == Failure.ADDRESS_NOT_PUBLIC
        assert (len(names.asked), receiver.connections) == (2, 1)


async def test_a_name_that_rebinds_while_its_connection_is_kept_stays_where_it_was_checked() -> None:
    async with receiving() as receiver:
        names = Names(hook=[["127.0.0.1"], ["10.0.0.1"]])
        post = Post(HERE, resolve=names)
        for _ in range(3):
            await post(f"http://hook.hue.vn:{receiver.port}/", {}, b"{}")
        assert (len(names.asked), receiver.connections, len(receiver.arrived)) == (1, 1, 3)
        await post.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"])
async def test_an_address_that_came_into_the_table_all_the_same_is_checked_again(host: str) -> None:
    assert await refused(Post(()), f"http://{host}:9/") == Failure.ADDRESS_NOT_PUBLIC


async def test_the_systems_own_resolver_is_what_is_asked_and_what_it_says_is_checked() -> None:
    async with receiving() as receiver:
        assert await refused(Post(()), f"http://localhost:{receiver.port}/") == Failure.ADDRESS_NOT_PUBLIC
        assert receiver.connections == 0
    assert await refused(Post(()), "https://no-such-name.invalid/") == Failure.NAME_UNKNOWN


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_an_inner_address_is_not_followed(status: int) -> None:
    async with receiving() as inner, receiving() as receiver:
        receiver.answering = answer(status, f"Location: {inner.url}")
        post = Post(HERE)
        assert (await post(receiver.url, {}, b"{}")).status == status
        assert (len(receiver.arrived), inner.connections) == (1, 0)
        await post.close()


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        post = Post(HERE)
        assert (await post(receiver.url, {}, b"{}")).status == 204
        assert (proxy.connections, receiver.connections) == (0, 1)
        await post.close()


async def test_looking_a_name_up_counts_towards_the_limit_and_is_done_once_for_all_who_wait() -> None:
    async def hang(_host: str) -> Sequence[Address]:
        await asyncio.sleep(60)
        return []

    started = time.monotonic()
    assert await refused(Post((), resolve=hang, total=0.3), "https://hook.hue.vn/") == Failure.TIMEOUT
    assert time.monotonic() - started < 2

    resolver = Resolver(threads=1)
    found = await asyncio.gather(*[resolver("localhost") for _ in range(50)])
    assert all(one == found[0] for one in found)


# -- certificates --------------------------------------------------------------------------------------------


async def test_the_certificate_must_be_the_names_although_the_address_is_connected_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    names = Names(hook=[["127.0.0.1"]], other=[["127.0.0.1"]])
    async with receiving(tls=authority.server("hook.hue.vn")) as receiver:
        post = Post(HERE, resolve=names, tls=authority.trusting())
        assert (await post(f"https://hook.hue.vn:{receiver.port}/", {}, b"{}")).status == 204
        assert await refused(post, f"https://other.hue.vn:{receiver.port}/") == Failure.CERTIFICATE
        unknown = Post(HERE, resolve=names)
        assert await refused(unknown, f"https://hook.hue.vn:{receiver.port}/") == Failure.CERTIFICATE
        assert len(receiver.arrived) == 1


async def test_connections_that_are_not_used_are_closed() -> None:
    async with receiving() as receiver:
        post = Post(HERE)
        await post(receiver.url, {}, b"{}")
        (pool,) = post._pools.values()
        await post.tidy()
        assert len(post._pools) == 1
        pool.used_at -= 60
        await post.tidy()
        assert not post._pools
        assert (await post(receiver.url, {}, b"{}")).status == 204
        assert receiver.connections == 2
        await post.close()
