"""What was handed over to an identity, and how to use it."""

import shlex

from deployer.pki.material import fingerprint
from deployer.report import console
from deployer.workflows.handover import HandOver, Part


def show(identity: HandOver, url: str) -> None:
    """List the files on stdout; say on stderr what they are for."""
    certificate = identity.issued.certificate
    # The list comes last: whatever becomes of it, the password has been shown.
    console.note(
        f"{identity.name}: serial {certificate.serial_number:x}, "
        f"until {certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    _remarks(identity)
    if Part.KEY in identity.parts:
        console.note(f"try: curl {shlex.join(_curl(identity))} {shlex.quote(url)}")
    console.note(f"{identity.path(Part.SHEET)} says which file is for what")
    _password(identity)
    for part in identity.parts:
        console.data(str(identity.path(part)))


def show_json(identity: HandOver) -> None:
    """Print the same as a JSON line; the password goes to stderr all the same."""
    certificate = identity.issued.certificate
    paths = {part: str(identity.path(part)) for part in identity.parts}
    _remarks(identity)
    _password(identity)
    console.json_line(
        "identity",
        name=identity.name,
        serial=f"{certificate.serial_number:x}",
        expires=certificate.not_valid_after_utc.isoformat(),
        certificate=paths[Part.CERTIFICATE],
        key=paths.get(Part.KEY),
        authority=paths[Part.AUTHORITY],
        pkcs12=paths.get(Part.PKCS12),
        pkcs12_compatible=paths.get(Part.COMPATIBLE),
        truststore=paths.get(Part.TRUSTSTORE),
        sheet=paths[Part.SHEET],
        roots=[fingerprint(root) for root in identity.roots],
    )


def _remarks(identity: HandOver) -> None:
    for remark in identity.remarks:
        console.note(f"{identity.name}: {remark}", style="yellow")


def _password(identity: HandOver) -> None:
    if identity.password is not None:
        # To the terminal alone, and only now: it is stored nowhere.
        console.note(f"password of the .p12 files, shown once: {identity.password}")


def _curl(identity: HandOver) -> tuple[str, ...]:
    # curl takes what follows a colon for the password of the file.
    certificate = str(identity.path(Part.CERTIFICATE)).replace(":", r"\:")
    key, roots = identity.path(Part.KEY), identity.path(Part.AUTHORITY)
    return ("--cert", certificate, "--key", str(key), "--cacert", str(roots))
