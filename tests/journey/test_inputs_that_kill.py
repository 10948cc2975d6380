"""
Fifty-eight inputs that `apache2 -t` calls fine, and what stops each of them before the switch.

Of class A is what ends the whole server at its next reload, of class B what takes one site away,
of class C what serves on and is wrong. Where a host must be there to notice, the test that has
one is named.
"""

import importlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from deployer.advice.finding import Severity
from deployer.errors import DeployerError
from deployer.pki.crl import ladder
from deployer.pki.keys import KeyType, is_same_key, private_key_pem
from deployer.pki.pem import read_certificates, write_certificates, write_crls
from deployer.release import Release
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from deployer.spec.vhost import VhostSpec
from deployer.workflows.supplies import SupplyReader
from tests.advice.examples import NOW, host
from tests.advice.test_check import SITE, found
from tests.host.machine import Machine, in_sandbox
from tests.host.releases import CRL, FULLCHAIN, KEY, TRUST, another_key, fullchain, key
from tests.host.releases import SITE as SITE_FILE
from tests.host.test_rehearse import refusal, syntax_is_ok
from tests.pki.examples import client_leaf, key_of, pki, server_leaf

NAME = "a.example.com"
Files = Mapping[str, bytes]
Spoil = Callable[[Machine], dict[str, Any]]
REPORTED = {"MTLS-107", "MTLS-114", "MTLS-122", "MTLS-116", "MTLS-603"}
"""Warnings and notes: nothing in them must be wrong, and a rehearsal stops what is."""


# --- what files hold


def certificate(name: str = NAME, *, days: int = 0, kind: KeyType = KeyType.P256) -> bytes:
    """A server's certificate with its chain, issued so many days from now."""
    now = NOW + timedelta(days=days)
    servers = pki(now=min(now, NOW)).servers
    leaf = server_leaf(servers, name, kind=kind, now=now)
    return write_certificates([leaf, servers.authority.certificate])


def own_key(kind: KeyType = KeyType.P256) -> bytes:
    return private_key_pem(key_of(kind, "server"))


def encrypted_key() -> bytes:
    secret = key_of(KeyType.P256, "server")
    return secret.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


def backwards() -> bytes:
    servers = pki().servers
    return write_certificates([servers.authority.certificate, server_leaf(servers, NAME)])


def spoilt(chain: bytes, *, second: bool = False) -> bytes:
    """Change letters in the middle of the first certificate, or of the second."""
    at = (len(chain) * 3 // 4) if second else 200
    return chain[:at] + b"!!!!" + chain[at + 4 :]


@cache
def short() -> tuple[bytes, bytes]:
    """A certificate and its RSA key of 1024 bits."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "-", "-subj",
         f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-days", "30"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    at = made.index(b"-----BEGIN CERTIFICATE-----")
    return made[at:], made[:at]


def clients(*, days: int = 0) -> bytes:
    return pki(now=NOW + timedelta(days=days)).clients.authority.bundle_pem


def lists(organization: str = "Example", *, days: int = 0) -> bytes:
    """The lists of everybody above a client, signed so many days from now."""
    now = NOW + timedelta(days=days)
    one = pki(organization=organization, now=min(now, NOW))
    signers = (one.root, one.clients)
    return write_crls(
        crl for signer in signers for crl in ladder(signer, (), first_number=1, now=now)
    )


# --- how it is brought in


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Something that somebody writes or has, and what is said about it."""

    words: str
    told: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the site, as an inventory has them."""
    files: Files = field(default_factory=dict)
    """Files of the project."""
    sites: int = 1
    number: str = ""
    """The finding; empty where the inventory itself is refused."""
    says: str


def pair(words: str, certificate: bytes, private_key: bytes, says: str) -> Input:
    """Bring a certificate in files of the project."""
    return Input(
        words=words,
        told={"certificate": {"files": {"certificate": "a.pem", "private_key": "a.key"}}},
        files={"a.pem": certificate, "a.key": private_key},
        number="MTLS-420",
        says=says,
    )


def authority(words: str, bundle: bytes, crl: bytes, says: str) -> Input:
    """Bring a client authority and its list in files of the project."""
    return Input(
        words=words,
        told={"client_auth": {"authorities": [{"file": "ca.pem", "crl": "ca.crl"}]}},
        files={"ca.pem": bundle, "ca.crl": crl},
        number="MTLS-420",
        says=says,
    )


def line(words: str, extra: str, number: str, says: str) -> Input:
    """Write a line into `extra`."""
    return Input(words=words, told={"extra": extra}, number=number, says=says)


def refused(words: str, told: Mapping[str, Any], says: str, *, sites: int = 1) -> Input:
    """Write what no inventory may say."""
    return Input(words=words, told=told, says=says, sites=sites)


CLASS_A: tuple[Input, ...] = (
    pair("a key of another certificate", certificate(), another_key(), "is not the key of"),
    pair("a key of another type", certificate(), own_key(KeyType.RSA3072), "is not the key of"),
    pair("a certificate that is not PEM", b"garbage\n", own_key(),
         "a.pem holds no certificate in PEM"),
    pair("a certificate with a letter that is none", spoilt(certificate()), own_key(),
         "a.pem: a certificate is not valid Base64"),
    pair("half a certificate", certificate()[:300], own_key(),
         "a.pem is cut off inside a certificate"),
    pair("a good certificate before a broken one", spoilt(certificate(), second=True), own_key(),
         "a.pem: a certificate is not valid Base64"),
    pair("a key that is garbage", certificate(), b"garbage\n", "a.key holds no private key in PEM"),
    pair("half a key", certificate(), own_key()[:100], "a.key is cut off inside a private key"),
    pair("a key with a passphrase", certificate(), encrypted_key(), "is encrypted"),
    refused("a certificate without a key", {"certificate": {"files": {"certificate": "a.pem"}}},
            "private_key"),
    pair("an RSA key of 1024 bits", *short(), "its RSA key has 1024 bits"),
    refused("TLS without a certificate", {"certificate": {"files": {}}}, "certificate"),
    authority("client authorities that are garbage", b"garbage\n", lists(),
              "ca.pem: there is no certificate in it"),
    authority("a private key for client authorities", own_key(), lists(),
              "it holds a PRIVATE KEY where only certificates"),
    authority("a good client authority before half of one", clients() + clients()[:200], lists(),
              "ca.pem: the file is cut off inside a CERTIFICATE"),
    line("an empty directory of client authorities", "SSLCACertificatePath /etc/empty", "MTLS-104",
         "SSLCACertificatePath overrides client_auth.authorities"),
    line("garbage for the names that clients are shown", "SSLCADNRequestFile /etc/garbage",
         "MTLS-104", "SSLCADNRequestFile overrides client_auth.authorities"),
    authority("revocation lists that are garbage", clients(), b"garbage\n", "ca.crl holds no CRL"),
    line("revocation is checked without a list", "SSLCARevocationCheck chain", "MTLS-105",
         "SSLCARevocationCheck overrides client_auth.revocation"),
    line("ciphers that nobody knows", "SSLCipherSuite NONESUCH", "MTLS-107",
         "SSLCipherSuite overrides the profile"),
    line("ciphers of TLS 1.3 that nobody knows", "SSLCipherSuite TLSv1.3 NONESUCH", "MTLS-107",
         "SSLCipherSuite overrides the profile"),
    line("no protocol at all", "SSLProtocol -all", "MTLS-108", "SSLProtocol leaves nothing"),
    line("a curve that this OpenSSL does not know", "SSLOpenSSLConfCmd Curves X25519:nonesuch",
         "MTLS-107", "SSLOpenSSLConfCmd overrides the profile"),
    line("stapling without its cache", "SSLUseStapling on", "MTLS-114", "SSLUseStapling on"),
    line("a key for tickets that is too short", "SSLSessionTicketKeyFile /etc/short", "MTLS-113",
         "SSLSessionTicketKeyFile keeps sessions"),
    Input(words="garbage for the authorities of a backend",
          told={"proxy": [{"path": "/b", "to": "https://b.example.com",
                           "authority": {"file": "b.pem"}}]},
          files={"b.pem": b"garbage\n"}, number="MTLS-420",
          says="b.pem: there is no certificate in it"),
    line("an identity for backends whose key has a passphrase",
         "SSLProxyMachineCertificateFile /etc/locked.pem", "MTLS-119",
         "names a file that nobody checks"),
    line("an identity for backends with another's key",
         "SSLProxyMachineCertificateFile /etc/mixed.pem", "MTLS-119",
         "names a file that nobody checks"),
)  # fmt: skip
CLASS_B: tuple[Input, ...] = (
    authority("a client authority that is over", clients(days=-8000), lists(days=-8000),
              "expired"),
    authority("a client's certificate for an authority",
              write_certificates([client_leaf(pki().clients, "alice")]), lists(),
              "CN=alice is no authority"),
    refused("certificates are required and nobody is trusted", {"client_auth": {"authorities": []}},
            "client_auth.authorities"),
    authority("a revocation list of another authority", clients(), lists("Other"),
              "belongs to no authority in the bundle"),
    authority("a revocation list that is over", clients(), lists(days=-4000),
              "expired on"),
    line("protocols that nobody speaks any more", "SSLProtocol TLSv1", "MTLS-108",
         "SSLProtocol leaves TLSv1"),
    refused("a name in place of an address", {"listen": "nowhere.example.com:443"}, "listen"),
    line("a port without TLS", "SSLEngine off", "MTLS-109", "SSLEngine off overrides us"),
    line("a variable that nobody defined", "ErrorDocument 403 ${NOWHERE}", "MTLS-122",
         "NOWHERE"),
    Input(words="a file of passwords that is not there",
          told={"passwords": {"file": "users"},
                "paths": [{"path": "/b", "auth": "certificate_and_password"}]},
          number="MTLS-420", says="cannot read users"),
)  # fmt: skip
CLASS_C: tuple[Input, ...] = (
    pair("a certificate that is over", certificate(days=-400), own_key(),
         "expired"),
    pair("a certificate of tomorrow", certificate(days=2), own_key(),
         "is not valid before"),
    pair("a certificate for another name", certificate("b.example.com"), own_key(),
         "does not cover a.example.com"),
    pair("a client's certificate for a server",
         write_certificates([client_leaf(pki().clients, "alice"),
                             pki().clients.authority.certificate]),
         private_key_pem(key_of(KeyType.P256, "client")), "CN=alice is not for servers"),
    pair("a certificate whose issuer is missing",
         write_certificates([server_leaf(pki().servers, NAME)]), own_key(),
         "no certificate of its issuer follows"),
    line("a revocation list that nobody looks into", "SSLCARevocationFile /etc/ca.crl", "MTLS-105",
         "SSLCARevocationFile overrides client_auth.revocation"),
    line("a quote that does not end", 'Header set X "abc', "MTLS-115", "Header"),
    refused("one name twice", {}, NAME, sites=2),
    Input(
        words="a certificate of a kind that browsers do not know",
        told={"key_type": "ed25519"},
        number="MTLS-603",
        says="ed25519",
    ),
    refused("lines that end as on Windows", {"extra": "Header set A b\r\nHeader set C d"},
            "contains a control character"),
    line("an include of what need not be there", "IncludeOptional /etc/apache2/none.d/*.conf",
         "MTLS-116", "IncludeOptional"),
    line("an identity for backends without its key",
         "SSLProxyMachineCertificateFile /etc/half.pem", "MTLS-119",
         "names a file that nobody checks"),
)  # fmt: skip

# Only a host can tell: the test that has one.
ON_HOSTS: Mapping[str, tuple[str, str]] = {
    "A: a port that another program listens on": (
        "tests.host.test_rehearse",
        "test_a_port_of_another_program_is_refused",
    ),
    "A: an address that the host does not have": (
        "tests.host.test_rehearse",
        "test_an_address_that_the_host_does_not_have_is_refused",
    ),
    "B: a port that nobody listens on": (
        "tests.host.test_rehearse",
        "test_a_port_that_nobody_listens_on_is_named",
    ),
    "B: a document root that is not there": (
        "tests.journey.test_faults",
        "test_a_site_that_would_serve_nothing_is_never_switched",
    ),
    "C: a key on the host that everybody may read": (
        "tests.journey.test_bring_your_own",
        "test_what_is_wrong_on_the_host_stops_an_apply_and_warns_in_status",
    ),
    "C: a key on the host that Apache's workers own": (
        "tests.journey.test_bring_your_own",
        "test_what_is_wrong_on_the_host_stops_an_apply_and_warns_in_status",
    ),
}
# Put right without a word, as it was certainly not meant otherwise.
MENDED: Mapping[str, Files] = {
    "A: a chain in the wrong order": {"a.pem": backwards(), "a.key": own_key()},
    "C: files whose lines end as on Windows": {
        "a.pem": certificate().replace(b"\n", b"\r\n"),
        "a.key": own_key().replace(b"\n", b"\r\n"),
    },
}


def project_with(directory: Path, files: Files) -> Path:
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.mark.fault(31, 62, 68, how="files, lines and sites that are wrong in one way each")
@pytest.mark.parametrize(
    "one", [*CLASS_A, *CLASS_B, *CLASS_C], ids=lambda one: one.words.replace(" ", "_")
)
def test_it_is_stopped_or_reported_before_anybody_connects(one: Input, tmp_path: Path) -> None:
    project = project_with(tmp_path, one.files)
    sites = [{**SITE, **one.told}] * one.sites

    if not one.number:
        with pytest.raises(DeployerError) as refused:
            found(project, *sites)
        assert one.says in refused.value.message
        return
    said = [finding for finding in found(project, *sites) if finding.number == one.number]

    assert any(one.says in finding.message for finding in said), said
    # `apply` stops at errors; the others are for a rehearsal to stop, or harmless.
    assert one.number in REPORTED or {finding.severity for finding in said} == {Severity.ERROR}


@pytest.mark.parametrize("words", MENDED, ids=lambda words: words.replace(" ", "_"))
def test_what_can_only_mean_one_thing_is_put_right(words: str, tmp_path: Path) -> None:
    told = {"certificate": {"files": {"certificate": "a.pem", "private_key": "a.key"}}}
    site = VhostSpec.model_validate({**SITE, **told})

    assert found(project_with(tmp_path, MENDED[words]), {**SITE, **told}) == []

    (supplied,) = SupplyReader(tmp_path).read([host(site)]).leaves.values()
    leaf, _ = read_certificates(supplied.fullchain)
    assert is_same_key(leaf.public_key(), key_of(KeyType.P256, "server").public_key())


@pytest.mark.parametrize("words", ON_HOSTS, ids=lambda words: words.replace(" ", "_"))
def test_what_only_a_host_can_tell_is_tested_on_one(words: str) -> None:
    module, name = ON_HOSTS[words]

    assert callable(getattr(importlib.import_module(module), name))


def test_the_list_is_whole() -> None:
    elsewhere = [words[0] for words in (*ON_HOSTS, *MENDED)]

    counts = (len(CLASS_A), len(CLASS_B), len(CLASS_C))
    assert tuple(
        count + elsewhere.count(letter) for count, letter in zip(counts, "ABC", strict=True)
    ) == (31, 12, 15)


# --- the same of class A in a real Apache, as if nobody had looked at the inventory


def in_site(machine: Machine, old: str, new: str) -> dict[str, bytes]:
    """Change a line of the site."""
    content = machine.release().file(SITE_FILE).content
    assert content is not None
    assert old.encode() in content
    return {SITE_FILE: content.replace(old.encode(), new.encode())}


def without(line: str) -> Spoil:
    return lambda machine: {"replaced": in_site(machine, line, "")}


def put(path: str, content: bytes, extra: str = "") -> Spoil:
    return lambda _: {"replaced": {path: content}, "extra": extra}


def lines(extra: str) -> Spoil:
    return lambda _: {"extra": extra}


def empty_directory(machine: Machine) -> dict[str, Any]:
    directory = Path(machine.layout.config_root) / "empty"
    directory.mkdir(exist_ok=True)
    line = "SSLCACertificateFile ${DEPLOYER_RELEASE}/trust/one.pem"
    return {"replaced": in_site(machine, line, f"SSLCACertificatePath {directory}")}


def taken(machine: Machine) -> dict[str, Any]:
    port = machine.lab.ssh_port
    return {"server": f"Listen {machine.lab.address}:{port}\n", "port": port}


RELEASE = "${DEPLOYER_RELEASE}"
OTHER = "other/one.pem"
MACHINE_CERTIFICATE = f"SSLProxyEngine on\nSSLProxyMachineCertificateFile {RELEASE}/{OTHER}"
RAW: Mapping[str, Spoil] = {
    "a key of another certificate": put(KEY, another_key()),
    "a key of another type": put(KEY, own_key(KeyType.RSA3072)),
    "a chain in the wrong order": put(FULLCHAIN, fullchain(reverse=True)),
    "a certificate that is not PEM": put(FULLCHAIN, b"garbage\n"),
    "a certificate with a letter that is none": put(FULLCHAIN, spoilt(fullchain())),
    "half a certificate": put(FULLCHAIN, fullchain()[:300]),
    "a good certificate before a broken one": put(FULLCHAIN, spoilt(fullchain(), second=True)),
    "a key that is garbage": put(KEY, b"garbage\n"),
    "half a key": put(KEY, key()[:100]),
    "a key with a passphrase": put(KEY, encrypted_key()),
    "a certificate without a key": without(f"SSLCertificateKeyFile {RELEASE}/tls/one/key.pem"),
    "an RSA key of 1024 bits": lambda _: {"replaced": {FULLCHAIN: short()[0], KEY: short()[1]}},
    "TLS without a certificate": lambda machine: {
        "replaced": {
            SITE_FILE: in_site(machine, f"SSLCertificateFile {RELEASE}/{FULLCHAIN}", "")[
                SITE_FILE
            ].replace(f"SSLCertificateKeyFile {RELEASE}/{KEY}".encode(), b"")
        }
    },
    "client authorities that are garbage": put(TRUST, b"garbage\n"),
    "a private key for client authorities": put(TRUST, own_key()),
    "a good client authority before half of one": put(TRUST, clients() + clients()[:200]),
    "an empty directory of client authorities": empty_directory,
    "garbage for the names that clients are shown": put(
        OTHER, b"garbage\n", f"SSLCADNRequestFile {RELEASE}/{OTHER}"
    ),
    "revocation lists that are garbage": put(CRL, b"garbage\n"),
    "revocation is checked without a list": without(f"SSLCARevocationFile {RELEASE}/{CRL}"),
    "ciphers that nobody knows": lines("SSLCipherSuite NONESUCH"),
    "ciphers of TLS 1.3 that nobody knows": lines("SSLCipherSuite TLSv1.3 NONESUCH"),
    "no protocol at all": lines("SSLProtocol -all"),
    "a curve that this OpenSSL does not know": lines("SSLOpenSSLConfCmd Curves X25519:nonesuch"),
    "stapling without its cache": lines("SSLUseStapling on"),
    "a key for tickets that is too short": put(
        OTHER, b"short", f"SSLSessionTicketKeyFile {RELEASE}/{OTHER}"
    ),
    "garbage for the authorities of a backend": put(
        OTHER, b"garbage\n", f"SSLProxyEngine on\nSSLProxyCACertificateFile {RELEASE}/{OTHER}"
    ),
    "an identity for backends whose key has a passphrase": put(
        OTHER, certificate() + encrypted_key(), MACHINE_CERTIFICATE
    ),
    "an identity for backends with another's key": put(
        OTHER, certificate() + another_key(), MACHINE_CERTIFICATE
    ),
    "a port that another program listens on": taken,
    "an address that the host does not have": lambda _: {"server": "Listen 192.0.2.1:8443\n"},
}


@pytest.mark.slow
@pytest.mark.parametrize("words", RAW, ids=lambda words: words.replace(" ", "_"))
def test_the_syntax_test_passes_a_rehearsal_does_not_and_a_reload_would_end_it(
    words: str, sandbox: Sandbox
) -> None:
    machine = in_sandbox(sandbox)
    release = machine.release(**RAW[words](machine))

    refusal(machine, release)  # and stages it

    assert syntax_is_ok(machine, release)
    assert machine.site_serves()
    bring_live(machine, release)
    pid = int(Path(machine.layout.pid_file).read_text())
    os.kill(pid, signal.SIGUSR1)
    assert until(lambda: not runs(pid), timeout=15)
    log = Path(machine.layout.log_dir, "error.log").read_text(errors="replace")
    assert "AH00020: Configuration Failed, exiting" in log or "AH00072" in log


def bring_live(machine: Machine, release: Release) -> None:
    """Switch to a release as a script without any doubts would."""
    content = release.file("include.conf").content
    assert content is not None
    (machine.sites / "000-deployer.conf").write_bytes(content)
    (machine.root / "current").symlink_to(f"releases/{release.id}")


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
