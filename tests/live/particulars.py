"""
What else may happen between a client and a site: names, sessions, paths, headers, logs.

Each is asked of a real Apache and has one answer, which docs/behaviour.md shows.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding

from deployer.sandbox.processes import until
from tests.live import websocket
from tests.live.house import House
from tests.live.visitors import ALICE, BATCH, NOBODY, ODD, REVOKED, Visitor
from tests.live.wire import TLS, Client, plain

Ask = Callable[[House], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Particular:
    """One situation, and what must come of it."""

    theme: str
    words: str
    expected: str
    ask: Ask

    def __str__(self) -> str:
        return f"{self.theme}: {self.words}"


def status(
    name: str | None,
    path: str = "/",
    *lines: str,
    by: Visitor = NOBODY,
    tls: str = "1.3",
    host: str | None = None,
    method: str = "GET",
) -> Ask:
    """Ask for a path, and say what came of it."""
    return lambda house: (
        Client(house, by, tls=tls).get(name, path, *lines, host=host, method=method).status
    )


def over_http2(name: str, host: str) -> Ask:
    """Ask over HTTP/2 for another name than the handshake was for."""
    return lambda house: (
        house.ask(
            name, NOBODY, "/", "--header", f"Host: {host}.example.com", protocol=("1.3", "2")
        ).status
    )


def names() -> Iterator[tuple[str, str, Ask]]:
    """What a client says it wants: in the handshake (SNI), and in the request (Host)."""
    strict, opened = "strict.example.com", "open.example.com"
    yield "no SNI, `Host` of a site that asks", "403", status(None, host=strict)
    yield "no SNI, `Host` of a site that does not ask", "403", status(None, host=opened)
    yield "no SNI, by a client of ours", "403", status(None, host=strict, by=ALICE)
    yield "an unknown name in both", "403", status("unknown")
    yield "an unknown SNI, `Host` of a site", "421", status("unknown", host=opened)
    yield "SNI of an open site, `Host` of one that asks", "421", status("open", host=strict)
    yield "the same by a client of ours", "421", status("open", host=strict, by=ALICE)
    yield "the same over HTTP/2", "421", over_http2("open", "strict")
    yield (
        "SNI of a site that asks, `Host` of an open one",
        "421",
        status("strict", host=opened, by=ALICE),
    )
    yield (
        "SNI of one optional site, `Host` of another",
        "421",
        status("optional", host="closed.example.com"),
    )
    yield (
        "SNI of one open site, `Host` of another",
        "421",
        status("open", host="public.example.com"),
    )
    yield "the name in capitals", "200", status("open", host="OPEN.Example.COM")
    yield "the name with a dot at its end", "200", status("open", host="open.example.com.")
    yield "the name with another port", "200", status("open", host="open.example.com:1")


def carried(visitor: Visitor, here: str, there: str, path: str, tls: str) -> Ask:
    """Come back with a session to another site than the one that it is from."""

    def ask(house: House) -> str:
        client = Client(house, visitor, tls=tls)
        first = client.get(here)
        assert first.status == "200"
        second = client.get(there, path, session=first.session)
        return f"{second.status}{', resumed' if second.resumed else ''}"

    return ask


def sessions() -> Iterator[tuple[str, str, Ask]]:
    for tls in TLS:
        at = f"TLS {tls}"
        yield (
            f"{at}: from an open site to one that asks",
            "refused",
            carried(NOBODY, "open", "strict", "/", tls),
        )
        yield (
            f"{at}: from an optional site to one that asks",
            "refused",
            carried(NOBODY, "optional", "strict", "/", tls),
        )
        yield (
            f"{at}: to a site that does not allow this client",
            "403",
            carried(BATCH, "strict", "closed", "/", tls),
        )
        yield (
            f"{at}: to a path that does not allow this client",
            "403",
            carried(BATCH, "strict", "staff", "/admin/", tls),
        )
        yield (
            f"{at}: back to the same site",
            "200, resumed",
            carried(ALICE, "strict", "strict", "/", tls),
        )


SPELLINGS = {
    "/members/index.html": "403",
    "/members/../members/": "403",
    "/./members/": "403",
    "//members/": "403",
    "/elsewhere/../members/": "403",
    "/members/%2e%2e/members/": "403",
    "/%6dembers/": "403",
    "/members?/members/open/": "403",
    "/members/open/../": "403",
    "/members/open/%2e%2e/": "403",
    "/members/open//..//": "403",
    "/members/open/../../members/index.html": "403",
    "https://optional.example.com/members/": "403",
    "https://open.example.com/members/": "421",
    "/members/open/..;/": "404",
    "/members/open/..%2f": "404",
    "/members%2f": "404",
    "/members%5copen": "404",
    "/members%00": "404",
    "/members;open/": "404",
    "/MEMBERS/": "404",
    "/members#/members/open/": "400",
}
"""Of paths that are certificate holders' alone; what is not found is not there for anybody."""
FOR_BACKENDS = {
    "/elsewhere": "200",
    "/members/open/page": "200",
    "/members": "403",
    "/members;x/keys": "403",
    "/members/open/..;/keys": "403",
    "/members/open/..%3b/keys": "403",
    "/members/open/.%2e;x=y/keys": "403",
    "/members/open/..%5ckeys": "403",
    "/members/open/..%2fkeys": "404",
}
"""Where a backend decides what a path means: Java's cut it at `;`, others take `\\` for `/`."""
METHODS = {"HEAD": "403", "OPTIONS": "403", "POST": "403", "PUT": "403", "TRACE": "405"}


def judged() -> Iterator[tuple[str, str, Ask]]:
    for path, expected in FOR_BACKENDS.items():
        yield f"`{path}`", expected, status("java", path)


def paths() -> Iterator[tuple[str, str, Ask]]:
    for path, expected in SPELLINGS.items():
        yield f"`{path}`", expected, status("optional", path)
    for method, expected in METHODS.items():
        yield f"`{method} /members/`", expected, status("optional", "/members/", method=method)


SPOOFED = (
    "Mtls-Verify: SUCCESS", "Mtls_Verify: SUCCESS", "MTLS-VERIFY: SUCCESS",
    "Mtls-Subject: CN=ada", "Mtls_Subject: CN=ada", "Mtls-Name: ada", "mtls_name: ada",
    "Mtls-Serial: 1", "Mtls_Serial: 1", "Client-Cert: :AAAA:", "Client_Cert: :AAAA:",
)  # fmt: skip
OURS = ("Mtls-Verify", "Mtls-Subject", "Mtls-Name", "Mtls-Serial", "Client-Cert")


def told(house: House, visitor: Visitor, *lines: str, site: str = "gate") -> dict[str, str]:
    """Return the headers that reached the backend, each there once, by names as it reads them."""
    reply = Client(house, visitor).get(site, "/", *lines)
    assert reply.status == "200"
    pairs = json.loads(reply.text.partition("\r\n\r\n")[2])
    found = {name.lower().replace("_", "-"): value for name, value in pairs}
    assert len(found) == len(pairs), f"one name twice: {pairs}"
    return found


def telling(visitor: Visitor, *lines: str) -> Ask:
    """Ask as somebody, and put together what the backend is told."""

    def ask(house: House) -> str:
        found = told(house, visitor, *lines)
        return ", ".join(f"{name}={unquote(found[name.lower()])}" for name in OURS[:3])

    return ask


def certificate(house: House) -> str:
    """Compare the certificate that reached the backend with the one that was shown."""
    value = told(house, ALICE)["client-cert"]
    assert value[0] == value[-1] == ":"
    shown = house.wallets[ALICE.name].certificate
    same = base64.b64decode(value[1:-1], validate=True) == shown.public_bytes(Encoding.DER)
    return "the certificate that was shown" if same else "another"


def named(house: House) -> str:
    """Ask where headers have names of the administrator's own."""
    found = told(house, ALICE, "X-User: root", "X_User: root", "x_unit: root", site="inner")
    return f"X-User={found['x-user']}, X-Unit={found['x-unit']}"


def serial(house: House) -> str:
    found = told(house, ALICE)["mtls-serial"]
    return "its serial number" if found == house.wallets[ALICE.name].serial else found


def headers() -> Iterator[tuple[str, str, Ask]]:
    alice = "Mtls-Verify=SUCCESS, Mtls-Subject=CN=alice,OU=shop,OU=staff,O=Example, Mtls-Name=alice"
    nobody = "Mtls-Verify=NONE, Mtls-Subject=, Mtls-Name="
    hop = f"Connection: {', '.join(OURS)}"
    yield "by a client of ours", alice, telling(ALICE)
    yield "by nobody in particular", nobody, telling(NOBODY)
    yield (
        "by a client that sends the same headers, also with `_` for `-`",
        alice,
        telling(ALICE, *SPOOFED),
    )
    yield "by nobody in particular who sends them", nobody, telling(NOBODY, *SPOOFED)
    yield "by a client that calls them hop-by-hop (`Connection`)", alice, telling(ALICE, hop)
    yield (
        "by a client whose name has odd letters",
        (
            r"Mtls-Verify=SUCCESS, Mtls-Subject=CN=Jürgen \"M.\" Müller\+1\, %s: x,O=Example, "
            'Mtls-Name=Jürgen "M." Müller+1, %s: x'
        ),
        telling(ODD),
    )
    yield "`Mtls-Serial`", "its serial number", serial
    yield "`Client-Cert`, decoded (RFC 9440)", "the certificate that was shown", certificate
    yield (
        "headers with names of one's own, sent by the client too",
        ("X-User=alice, X-Unit=staff"),
        named,
    )
    yield (
        "a header with a space before its colon",
        "400",
        status("gate", "/", "Mtls-Name : ada", by=ALICE),
    )


def proxying() -> Iterator[tuple[str, str, Ask]]:
    yield (
        "a WebSocket, by a client of ours",
        "says hello",
        lambda house: websocket.echo(Client(house, ALICE), "gate", "hello"),
    )
    yield (
        "a WebSocket where `websocket` was not asked for",
        "200",
        lambda house: websocket.echo(Client(house, ALICE), "inner", "hello"),
    )
    yield "a path that is kept from the backend (`!`)", "200", status("inner", "/static/", by=ALICE)


def led(request: str, host: str) -> Ask:
    """Ask on the port without TLS, and say where we are led."""

    def ask(house: House) -> str:
        reply = plain(house, f"{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        where = reply.header("Location").replace(f":{house.desk.port}", "")
        return f"{reply.status} {where}".strip()

    return ask


def redirects() -> Iterator[tuple[str, str, Ask]]:
    strict, evil = "strict.example.com", "evil.example.net"
    yield "`GET /a%20b?x=1`", f"301 https://{strict}/a%20b?x=1", led("GET /a%20b?x=1", strict)
    yield (
        "`GET //evil.example.net/`",
        f"301 https://{strict}/{evil}/",
        led(f"GET //{evil}/", strict),
    )
    yield "`Host` of somebody else", "403", led("GET /", evil)
    yield "somebody else's address in the request line", "403", led(f"GET http://{evil}/", strict)


def logged(house: House) -> str:
    """Find our own request in the access log."""
    name = f"strict.example.com_{house.desk.port}.access.log"
    Client(house, ALICE).get("strict", "/?logged")
    assert until(lambda: "GET /?logged " in house.log(name), timeout=10)
    (line,) = (one for one in house.log(name).splitlines() if "GET /?logged " in one)
    assert f"serial={house.wallets[ALICE.name].serial}" in line
    return f"{line.split()[1]} {line.partition(' TLSv1.3 ')[2].partition(' serial=')[0]}"


def why(visitor: Visitor, *evidence: str) -> Ask:
    """Let somebody be refused, and look for the reason."""

    def ask(house: House) -> str:
        seen = len(house.log("deployer.error.log"))
        assert Client(house, visitor).get("strict").status == "refused"
        # The client may know before the log does.
        until(lambda: evidence[-1] in house.log("deployer.error.log")[seen:], timeout=10)
        said = house.log("deployer.error.log")[seen:]
        return ", ".join(one for one in evidence if one in said)

    return ask


def logs() -> Iterator[tuple[str, str, Ask]]:
    yield (
        "a request, with `remote_user: cn`",
        ('alice verify="SUCCESS" dn="CN=alice,OU=shop,OU=staff,O=Example"'),
        logged,
    )
    yield (
        "a revoked client, refused",
        "certificate revoked, CN=mallory",
        why(REVOKED, "certificate revoked", "CN=mallory"),
    )
    yield (
        "no certificate, refused",
        "peer did not return a certificate",
        why(NOBODY, "peer did not return a certificate"),
    )


def hsts(house: House) -> str:
    return Client(house, ALICE).get("strict").header("Strict-Transport-Security")


def tls() -> Iterator[tuple[str, str, Ask]]:
    yield "`tls: modern` over TLS 1.2", "refused", status("modern", by=ALICE, tls="1.2")
    yield "`tls: modern` over TLS 1.3", "200", status("modern", by=ALICE)
    yield (
        "a cipher suite without forward secrecy",
        "refused",
        lambda house: (
            house.ask(
                "open", NOBODY, "/", "--ciphers", "AES128-GCM-SHA256", protocol=("1.2", "1.1")
            ).status
        ),
    )
    yield "`hsts: true`", "max-age=63072000", hsts


THEMES: dict[str, Callable[[], Iterator[tuple[str, str, Ask]]]] = {
    "The name in the handshake and the name in the request": names,
    "A session that was opened elsewhere": sessions,
    "Other spellings of a path, by nobody in particular": paths,
    "The same in front of a backend": judged,
    "What a backend is told": headers,
    "Backends": proxying,
    "The port without TLS": redirects,
    "What logs say": logs,
    "TLS": tls,
}
PARTICULARS: tuple[Particular, ...] = tuple(
    Particular(theme=theme, words=words, expected=expected, ask=ask)
    for theme, made in THEMES.items()
    for words, expected, ask in made()
)
