"""After everything that a store can do, no private key is anywhere but in memory."""

import traceback
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deployer.errors import DeployerError
from deployer.pki.keys import KeyType, PrivateKey, private_key_pem
from deployer.store.state import Store
from tests.pki.examples import key_of
from tests.store.examples import (
    CHEAP,
    NOW,
    PASSPHRASE,
    busy_state,
    client_request,
    server_request,
)

NEW = "a newer passphrase"


def needles(keys: list[PrivateKey]) -> list[bytes]:
    """Every form in which a key of these might turn up."""
    found = []
    for key in keys:
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        number = key.private_numbers().private_value  # type: ignore[union-attr]
        raw = number.to_bytes(32, "big")
        assert raw in der
        found += [raw, raw.hex().encode(), str(number).encode(), repr(raw)[2:-1].encode()]
        found.append(private_key_pem(key).splitlines()[1][:40])
    return found


def failures(store: Store) -> list[str]:
    """What is said, with all its locals, when things go wrong while keys are open."""
    said = []
    signer = store.unlock("servers", NEW)
    for attempt in (
        lambda: store.unlock("clients", PASSPHRASE),
        lambda: store.certificates.issue(client_request(), signer, now=NOW),
        lambda: store.certificates.revoke(1, signer, now=NOW),
        lambda: store.change_passphrase(PASSPHRASE, "x", now=NOW, cost=CHEAP),
        lambda: store.prepare("ghosts", root=signer, passphrase=NEW, now=NOW, cost=CHEAP),
    ):
        try:
            attempt()
        except DeployerError as error:
            report = traceback.TracebackException.from_exception(error, capture_locals=False)
            said.append("".join(report.format()) + repr(error) + str(error.hint))
    assert len(said) == 5
    return said


def test_no_private_key_is_in_files_reprs_or_tracebacks(state: Path, tmp_path: Path) -> None:
    with Store.open(state, now=NOW) as store:
        exported = store.authorities.export_key("root")
        keys = [store.unlock(name, PASSPHRASE).key for name in ("root", "servers", "clients")]
    busy_state(state)
    with Store.open(state, now=NOW) as store:
        keys.append(store.unlock("clients", PASSPHRASE).key)
        store.change_passphrase(PASSPHRASE, NEW, now=NOW, cost=CHEAP)
        issued = store.certificates.issue(server_request(), store.unlock("servers", NEW), now=NOW)
        store.backup(tmp_path / "backup")
        shown = "".join(failures(store)) + repr(
            (
                issued,
                server_request(),
                store.unlock("servers", NEW),
                store.authorities.records(),
                store.certificates.list(),
                store.journal.list(),
                store.certificates.read(issued.certificate.serial_number),
            )
        )
        files = [tmp_path / "backup", *(path for path in state.iterdir() if path.is_file())]
        content = b"".join(path.read_bytes() for path in files)
    keys += [key_of(KeyType.P256, whose) for whose in ("server", "client")]

    everything = content + shown.encode() + exported
    assert b"api.example.com" in everything
    for needle in (*needles(keys), b"PRIVATE KEY", PASSPHRASE.encode(), NEW.encode()):
        assert needle not in everything
