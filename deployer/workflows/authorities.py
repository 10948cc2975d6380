"""The CA: what it may certify, where it came from, and its lists as files."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509 import load_der_x509_crl

from deployer.errors import DeployerError, nearest
from deployer.pki import pem
from deployer.pki.adoption import Adoption, CannotAdopt, examine
from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.constraints import constraints_for, read_constraints
from deployer.pki.crl import CRL
from deployer.pki.foreign import read_ca
from deployer.pki.keys import private_key_pem
from deployer.pki.material import title
from deployer.pki.pem import MalformedPem
from deployer.pki.profiles import ROOT
from deployer.store.crls import CannotPublish
from deployer.store.custody import KeyElsewhere, NotTheKey, is_exported, open_exported
from deployer.store.faults import NoState
from deployer.store.founding import AlreadyFounded
from deployer.store.records import AuthorityRecord
from deployer.store.state import Store
from deployer.workflows.reading import CannotRead, read_file
from deployer.workflows.revocation import Opener
from deployer.workflows.writing import write_private, write_texts

AUTO = "auto"


class UnknownAuthority(DeployerError):
    """No authority has that name."""


class CannotConstrain(DeployerError):
    """There is nothing to derive name constraints from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityStatus:
    """One generation of an authority and the lists that it stands behind."""

    record: AuthorityRecord
    lists: tuple[CRL, ...] = field(repr=False)

    @property
    def authority(self) -> Authority:
        """The authority itself."""
        return self.record.authority

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.authority.name} G{self.authority.generation}"

    @property
    def slug(self) -> str:
        """What its files are called."""
        return self.title.replace(" ", "-")


def statuses(store: Store) -> tuple[AuthorityStatus, ...]:
    """List every generation of every authority with its current ladder."""
    return tuple(
        AuthorityStatus(record=record, lists=store.crls.current(record.authority))
        for record in store.authorities.records()
    )


def constraints(
    text: str | None, *, names: Iterable[str] = (), addresses: Iterable[str] = ()
) -> x509.NameConstraints | None:
    """
    Read what a new root is to be limited to: a list, or `auto` for what the inventory needs.

    `auto` permits the domains of every site and the addresses at which sites and hosts are
    reached, and nothing else.
    """
    if text is None:
        return None
    if text != AUTO:
        return read_constraints(text)
    sites = tuple(names)
    if not sites:
        raise CannotConstrain(
            "the inventory names no site to derive name constraints from",
            hint="write apache_vhosts first, or name the domains: --name-constraints example.com",
        )
    return constraints_for(sites, _parsed(addresses))


def read_adoption(
    file: Path, key_file: Path | None, password: str | None, *, now: datetime
) -> Adoption:
    """Read and judge the files of an existing CA, or of a root whose state was lost."""
    names = " and ".join(str(one) for one in (file, key_file) if one is not None)
    try:
        key = None if key_file is None else _opened(read_file(key_file), password)
        found = read_ca(read_file(file), key, password)
        return examine(found.certificate, found.above, found.key, now=now)
    except (CannotAdopt, MalformedPem, NotTheKey) as error:
        raise CannotAdopt(f"{names}: {error.message}", hint=error.hint) from error


def refuse_second_ca(state: Path, *, now: datetime) -> None:
    """Say so before a passphrase is asked for, or a key is made."""
    try:
        with Store.open(state, now=now):
            raise AlreadyFounded(f"there is a CA in {state} already", hint="deployer ca show")
    except NoState:
        return


def take_over(store: Store, adoption: Adoption, revoked: CRL | None, *, now: datetime) -> None:
    """Let go on to count what an imported authority had revoked."""
    if revoked is not None:
        signer = Signer(authority=adoption.authority, key=adoption.key)
        store.certificates.import_revocations(revoked, signer, now=now)


def read_list(file: Path) -> CRL:
    """Read the one revocation list of a file, as PEM or DER."""
    content = read_file(file)
    try:
        (found,) = pem.read_crls(content) if pem.blocks(content) else (load_der_x509_crl(content),)
    except (MalformedPem, ValueError) as error:
        raise CannotRead(f"{file} is not one revocation list", hint="PEM or DER") from error
    return found


def anchors(store: Store) -> tuple[x509.Certificate, ...]:
    """List the certificates that others must trust: the top of every chain still in use."""
    records = store.authorities.records()
    used = [one for one in records if one.state is not AuthorityState.RETIRED]
    return tuple(dict.fromkeys(one.authority.bundle[-1] for one in used))


def of_name(store: Store, name: str | None) -> tuple[AuthorityStatus, ...]:
    """List the generations of one authority, or of all of them."""
    found = statuses(store)
    if name is None:
        return found
    return tuple(one for one in found if one.authority.name == named(store, name))


def named(store: Store, name: str) -> str:
    """Check the name of an authority."""
    known = {one.name for one in store.authorities.list()}
    if name not in known:
        raise UnknownAuthority(
            f"there is no authority named {name!r}",
            hint=nearest(name, known) or f"there are {', '.join(sorted(known))}",
        )
    return name


def renew_lists(
    store: Store, name: str | None, unlock: Opener, *, now: datetime
) -> tuple[str, ...]:
    """
    Sign the lists of an authority anew, or of all of them; say which could not be.

    Only what was asked for by name is an error: a root in a safe must not keep the others from
    being renewed.
    """
    left_out: list[str] = []
    for one in of_name(store, name):
        if one.record.state is AuthorityState.RETIRED:
            continue
        try:
            signer = unlock(one.authority.name, one.authority.generation)
            store.crls.publish(signer, now=now)
        except (KeyElsewhere, CannotPublish) as error:
            if name is not None:
                raise
            hint = f" ({error.hint})" if error.hint else ""
            left_out.append(f"left as it is: {error.message}{hint}")
    return tuple(left_out)


def move_root_key(store: Store, file: Path, *, passphrase: str, now: datetime) -> tuple[str, bool]:
    """
    Move the root's key into a file; return whose it is, and whether the disk forgot it as well.

    It is on the disk there, and was opened from there, before it is forgotten here.
    """
    root = store.authorities.current(ROOT.name)
    if root.name != ROOT.name:
        raise DeployerError(
            f"{title(root.certificate)} issues every certificate itself, so its key stays here"
        )
    store.unlock(ROOT.name, passphrase)
    write_private(file, store.authorities.export_key(ROOT.name))
    store.authorities.unlock_exported(ROOT.name, file.read_bytes(), passphrase)
    wiped = store.authorities.forget_key(ROOT.name, now=now)
    return f"{root.name} G{root.generation}", wiped


def write_lists(found: Iterable[AuthorityStatus], directory: Path) -> tuple[Path, ...]:
    """Write the ladder of each authority to a file that holds nothing but CRLs."""
    texts = {
        directory / f"{one.slug}.crl.pem": pem.write_crls(one.lists).decode("ascii")
        for one in found
        if one.lists
    }
    write_texts(texts)
    return tuple(texts)


def _opened(key: bytes, password: str | None) -> bytes:
    """Open a key that `ca export --root-key` wrote; any other is passed on as it is."""
    if not is_exported(key):
        return key
    if password is None:
        raise NotTheKey("the key is sealed", hint="give its passphrase with --import-password-file")
    return private_key_pem(open_exported(key, password))


def _parsed(addresses: Iterable[str]) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    for text in sorted(addresses):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue  # a name, which is reached by whatever DNS says today
        if not address.is_loopback:
            yield address
