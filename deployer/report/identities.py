"""What was handed over to an identity, and how to use it."""

import shlex

from deployer.report import console
from deployer.workflows.identities import HandOver


def show(identity: HandOver) -> None:
    """List the files on stdout; say on stderr what they are for."""
    certificate = identity.issued.certificate
    for path in (identity.certificate, identity.key, identity.authority, identity.pkcs12):
        if path is not None:
            console.data(str(path))
    console.note(
        f"{identity.name}: serial {certificate.serial_number:x}, "
        f"until {certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    files = ("--cert", identity.certificate, "--key", identity.key, "--cacert", identity.authority)
    console.note(f"try: curl {shlex.join(map(str, files))} https://www.example.com/")
    if identity.password is not None:
        # To the terminal alone, and only now: it is stored nowhere.
        console.note(f"password of {identity.pkcs12}, shown once: {identity.password}")


def show_json(identity: HandOver) -> None:
    """Print the same as a JSON line; the password goes to stderr all the same."""
    certificate = identity.issued.certificate
    console.json_line(
        "identity",
        name=identity.name,
        serial=f"{certificate.serial_number:x}",
        expires=certificate.not_valid_after_utc.isoformat(),
        certificate=str(identity.certificate),
        key=str(identity.key),
        authority=str(identity.authority),
        pkcs12=str(identity.pkcs12) if identity.pkcs12 else None,
    )
    if identity.password is not None:
        console.note(f"password of {identity.pkcs12}, shown once: {identity.password}")
