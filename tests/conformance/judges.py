"""
Those who will meet our certificates: path validators that others wrote, each asked in batches.

A judge takes questions and a directory to work in, and returns for each question's name its
complaint, or nothing where it accepts.
"""

import asyncio
import ipaddress
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import asn1crypto.x509  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from OpenSSL import crypto
from pyhanko_certvalidator import CertificateValidator, ValidationContext, errors

from deployer.pki.crl import CRL
from deployer.pki.pem import write_certificates, write_crls
from tests.conformance.questions import Question
from tests.conformance.today import NOW
from tests.conformance.toolchains import go_program, java_program

PROGRAMS = Path(__file__).parent / "programs"
Answers = dict[str, str]
Judge = Callable[[Sequence[Question], Path], Answers]


def openssl(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask the OpenSSL that Apache is built on, as mod_ssl does in `chain` mode, and strictly."""
    return {one.name: _openssl(one, directory) for one in asked}


def newer_openssl(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask the OpenSSL that cryptography brings along, which hosts will have in some years."""
    return {one.name: _newer_openssl(one) for one in asked}


def gnutls(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask GnuTLS, whose validator curl, wget and much of a desktop use."""
    return {one.name: _gnutls(one, directory) for one in asked}


def nss(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask NSS, which is Firefox's; each set of authorities and lists has a database of its own."""
    databases: dict[tuple[bytes, ...], Path] = {}
    answers = {}
    for one in asked:
        key = (*map(_der, one.untrusted), *map(_der, one.roots), *map(_der, one.current_crls))
        if key not in databases:
            databases[key] = _nss_database(one, directory / f"nss-{len(databases)}")
        answers[one.name] = _nss(one, databases[key])
    return answers


def pyca(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask the verifier of cryptography, written in Rust for web servers' certificates."""
    return {one.name: _pyca(one) for one in asked}


def pyhanko(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask a validator in Python that insists on knowing of every certificate if it is revoked."""
    return {one.name: asyncio.run(_pyhanko(one)) for one in asked}


def java(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask Java's PKIX validator and its trust manager."""
    return _answers(["java", "-XX:TieredStopAtLevel=1", "-cp", java_program(), "Judge"], asked)


def go(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask Go's crypto/x509, which checks the purposes of a whole chain and reads strictly."""
    return _answers([go_program()], asked)


def node(asked: Sequence[Question], directory: Path) -> Answers:
    """Ask Node about each certificate and its issuer."""
    return _answers(["node", str(PROGRAMS / "judge.js")], asked)


JUDGES: dict[str, Judge] = {
    "OpenSSL": openssl,
    "newer OpenSSL": newer_openssl,
    "GnuTLS": gnutls,
    "NSS": nss,
    "pyca": pyca,
    "pyhanko": pyhanko,
    "Java": java,
    "Go": go,
    "Node": node,
}


def run(command: Sequence[str], *, stdin: str = "") -> str:
    """Run a tool; returns nothing where it was content, or else what it said."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    said = f"{done.stdout}{done.stderr}".strip()
    return "" if done.returncode == 0 else said or f"exit status {done.returncode}"


def _answers(command: Sequence[str], asked: Iterable[Question]) -> Answers:
    lines = "".join(f"{one.line}\n" for one in asked)
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t", 1) for line in done.stdout.splitlines())


def _openssl(one: Question, directory: Path) -> str:
    files = {
        "leaf.pem": write_certificates([one.certificate]),
        "untrusted.pem": write_certificates(one.untrusted),
        "roots.pem": write_certificates(one.roots),
        "crls.pem": write_crls(one.crls),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    command = [
        *("openssl", "verify", "-x509_strict", "-crl_check_all", "-no-CApath", "-no-CAstore"),
        *("-CAfile", "roots.pem", "-CRLfile", "crls.pem", "-purpose", f"ssl{one.purpose}"),
        *("-attime", str(int(NOW.timestamp()))),
        *(("-untrusted", "untrusted.pem") if one.untrusted else ()),
        *(("-verify_ip" if is_address(one.host) else "-verify_hostname", one.host)
          if one.host else ()),
        "leaf.pem",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def is_address(host: str) -> bool:
    """Say whether a host is called by its address."""
    return bool(re.fullmatch(r"[\d.]+|.*:.*", host))


def _newer_openssl(one: Question) -> str:
    store = crypto.X509Store()
    for root in one.roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    for crl in one.crls:
        store.add_crl(crl)
    flags = crypto.X509StoreFlags
    store.set_flags(flags.CRL_CHECK | flags.CRL_CHECK_ALL | flags.X509_STRICT)
    store.set_time(NOW)
    context = crypto.X509StoreContext(
        store,
        crypto.X509.from_cryptography(one.certificate),
        [crypto.X509.from_cryptography(issuer) for issuer in one.untrusted],
    )
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""


def _gnutls(one: Question, directory: Path) -> str:
    (directory / "chain.pem").write_bytes(write_certificates([one.certificate, *one.untrusted]))
    (directory / "roots.pem").write_bytes(write_certificates(one.roots))
    (directory / "crls.pem").write_bytes(write_crls(one.crls))
    command = [
        *("certtool", "--verify", "--infile", str(directory / "chain.pem")),
        *("--load-ca-certificate", str(directory / "roots.pem")),
        *("--load-crl", str(directory / "crls.pem"), "--verify-profile", "medium"),
        *("--verify-purpose", PURPOSES[one.purpose]),
        *(("--verify-hostname", one.host) if one.host else ()),
    ]
    return run(command)


PURPOSES = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2"}


def _nss_database(one: Question, database: Path) -> Path:
    database.mkdir()
    where = f"sql:{database}"
    assert not run(["certutil", "-N", "-d", where, "--empty-password"])
    for trust, certificates in (("CT,,", one.roots), (",,", one.untrusted)):
        for place, certificate in enumerate(certificates):
            added = ["certutil", "-A", "-d", where, "-n", f"{trust}{place}", "-t", trust, "-a"]
            # An authority that it does not take shows as an unknown issuer below.
            run(added, stdin=write_certificates([certificate]).decode())
    held = {authority.subject for authority in (*one.roots, *one.untrusted)}
    for crl in one.current_crls:
        if crl.issuer in held:
            file = database / "list.crl"
            file.write_bytes(_der(crl))
            # What it refuses here shows as a list that is missing when a chain is judged.
            run(["crlutil", "-I", "-d", where, "-t", "1", "-i", str(file)])
    return database


def _nss(one: Question, database: Path) -> str:
    leaf = database / "leaf.pem"
    leaf.write_bytes(write_certificates([one.certificate]))
    usage = {"client": "0", "server": "1"}[one.purpose]
    where = f"sql:{database}"
    old = ["vfychain", "-d", where, "-u", usage, "-a", str(leaf)]
    # The newer of its two engines, which must be told to insist on lists.
    lists = ("-g", "chain", "-m", "crl", "-s", "failIfNoInfo")
    new = ["vfychain", "-pp", "-d", where, *lists, "-u", usage, "-a", str(leaf)]
    return run(old) or run(new)


def _pyca(one: Question) -> str:
    builder = verification.PolicyBuilder().store(verification.Store(list(one.roots))).time(NOW)
    try:
        if one.purpose == "client":
            builder.build_client_verifier().verify(one.certificate, list(one.untrusted))
        else:
            name = _subject(one.host or "client.example.com")
            builder.build_server_verifier(name).verify(one.certificate, list(one.untrusted))
    except verification.VerificationError as error:
        return str(error)
    return ""


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    if is_address(host):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


async def _pyhanko(one: Question) -> str:
    context = ValidationContext(
        trust_roots=[_asn1(root) for root in one.roots],
        crls=[_der(crl) for crl in one.current_crls],
        moment=NOW,
        revocation_mode="require",
    )
    validator = CertificateValidator(
        _asn1(one.certificate),
        intermediate_certs=[_asn1(issuer) for issuer in one.untrusted],
        validation_context=context,
    )
    try:
        await validator.async_validate_usage(  # type: ignore[no-untyped-call]
            {"digital_signature"}, {f"{one.purpose}_auth"}
        )
    except (errors.PathError, errors.ValidationError, NotImplementedError) as error:
        return str(error)
    return ""


def _der(value: x509.Certificate | CRL) -> bytes:
    return value.public_bytes(Encoding.DER)


def _asn1(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(_der(certificate))
