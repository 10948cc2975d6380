"""
The sheet of a hand-over: which file is for what, until when, and the lines that use it.

Whoever reads it has the files and a program, and has never heard of us.
"""

import json
import shlex
from collections.abc import Iterable

import jinja2
from cryptography import x509

from deployer.pki.general_names import shown
from deployer.pki.material import fingerprint
from deployer.resources import templates
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import HTTPS_PORT
from deployer.workflows.handover import HandOver, Part

TEMPLATE = "handover/sheet.txt.j2"
PURPOSES = {
    Part.CERTIFICATE: "the certificate and its issuers; anybody may see it",
    Part.KEY: "the private key, not encrypted",
    Part.AUTHORITY: "the root to verify servers by",
    Part.PKCS12: "key and certificate for browsers, systems and Java of the last years (AES-256)",
    Part.COMPATIBLE: "the same for older ones: macOS 12, Android 12, Windows Server 2016 (3DES)",
    Part.TRUSTSTORE: "the root for Java",
}


def sheet(handed_over: HandOver, url: str) -> str:
    """Write the sheet; what it shows is meant to be copied, so every name in it is quoted."""
    certificate = handed_over.issued.certificate
    files = {handed_over.path(part).name: purpose for part, purpose in PURPOSES.items()
             if part in handed_over.parts}  # fmt: skip
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            name=handed_over.name,
            subject=certificate.subject.rfc4514_string(),
            alternative_names=called(certificate),
            issuer=certificate.issuer.rfc4514_string(),
            serial=f"{certificate.serial_number:x}",
            until=f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            roots=[
                {"subject": root.subject.rfc4514_string(), "fingerprint": fingerprint(root)}
                for root in handed_over.roots
            ],
            files=files.items(),
            width=max(map(len, files)),
            has_key=Part.KEY in handed_over.parts,
            with_pkcs12=Part.PKCS12 in handed_over.parts,
            url=url,
            pem=handed_over.path(Part.CERTIFICATE).name,
            key=handed_over.path(Part.KEY).name,
            ca=handed_over.path(Part.AUTHORITY).name,
            p12=handed_over.path(Part.PKCS12).name,
            compatible=handed_over.path(Part.COMPATIBLE).name,
            truststore=handed_over.path(Part.TRUSTSTORE).name,
        )
    )


def url_of(servers: Iterable[ServerSpec]) -> str | None:
    """Write the address of the one site that asks for certificates, if it is one."""
    sites = {
        (site.server_name, site.port)
        for server in servers
        for site in server.vhosts
        if site.client_auth.verify != "none"
    }
    if len(sites) != 1:
        return None
    ((name, port),) = sites
    return f"https://{name}/" if port == HTTPS_PORT else f"https://{name}:{port}/"


def called(certificate: x509.Certificate) -> tuple[str, ...]:
    """List what a leaf says beside its subject, as people read it."""
    subject = x509.DirectoryName(certificate.subject)
    return tuple(shown(one) for one in alternative_names(certificate) if one != subject)


def alternative_names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """Read the alternative names of a leaf of ours, which always has some."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return tuple(extension.value)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # No HTML: quoting is explicit, by the filters below.
        autoescape=False,  # noqa: S701
    )
    environment.filters.update(
        sh=shlex.quote,
        windows='"{}"'.format,  # `file_name` leaves nothing in it that would end the quotes
        # A string of JSON is one of Python, Java, JavaScript, C# and Rust as well: names of
        # identities hold nothing that needs an escape but the quotation mark.
        literal=lambda text: json.dumps(text, ensure_ascii=False),
    )
    return environment
