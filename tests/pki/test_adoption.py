"""Authorities of other tools: what is taken over, with which words, and what is refused."""

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from deployer.pki.adoption import Adoption, CannotAdopt, examine
from deployer.pki.authority import Authority, Signer
from deployer.pki.crl import ladder
from deployer.pki.foreign import WrongPassword, read_ca
from deployer.pki.issue import LeafRequest, issue_leaf
from deployer.pki.keys import KeyType, PrivateKey, private_key_pem
from deployer.pki.names import identity_alternative_names, subject_alternative_names
from deployer.pki.profiles import CLIENT, SERVER, LeafProfile
from tests.pki.examples import NOW, key_of, openssl_verify, pki, throwaway
from tests.pki.forgery import forge

ROOT = pki().root.authority.certificate
KEY = pki().root.key
CA = x509.BasicConstraints(ca=True, path_length=None)


def today() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def run(directory: Path, *commands: str, **environment: str) -> None:
    for command in commands:
        subprocess.run(
            command.split(),
            cwd=directory,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )


def adopt(
    text: bytes, key: bytes | None = None, password: str | None = None, now: datetime | None = None
) -> Adoption:
    found = read_ca(text, key, password)
    return examine(found.certificate, found.above, found.key, now=now or today())


def complaint(directory: Path, adoption: Adoption, profile: LeafProfile) -> str:
    """What openssl says of a leaf that the authority issues itself."""
    authority = replace(adoption.authority, name="ca")
    signer = Signer(authority=authority, key=adoption.key)
    names = (
        subject_alternative_names(hosts=["a.example"])
        if profile is SERVER
        else identity_alternative_names("alice")
    )
    request = LeafRequest(
        profile=profile,
        common_name="",
        alternative_names=names,
        public_key=throwaway().public_key(),
        lifetime=timedelta(days=30),
    )
    leaf = issue_leaf(request, signer, now=today(), serial=7, throwaway=throwaway())
    return openssl_verify(
        directory,
        leaf,
        untrusted=authority.bundle,
        roots=authority.bundle,
        crls=ladder(signer, (), first_number=1, now=today()),
        purpose="sslserver" if profile is SERVER else "sslclient",
        at=today(),
    )


def test_an_authority_of_openssl_is_taken_over(tmp_path: Path) -> None:
    run(
        tmp_path,
        "openssl req -x509 -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem -days 3650 "
        "-subj /O=Corp/CN=Corp -addext keyUsage=critical,keyCertSign,cRLSign",
    )

    adoption = adopt((tmp_path / "ca.pem").read_bytes(), (tmp_path / "ca.key").read_bytes())

    assert adoption.warnings == ()
    assert not adoption.direct
    assert adoption.authority.name == "root"
    assert adoption.authority.organization == "Corp"
    assert not complaint(tmp_path, adoption, CLIENT)


def test_an_authority_of_easy_rsa_is_taken_over(tmp_path: Path) -> None:
    easyrsa = "/usr/share/easy-rsa/easyrsa --batch"
    secret = "pass:not so secret"
    settings = {"EASYRSA_PKI": str(tmp_path / "pki"), "EASYRSA_REQ_CN": "Easy"}
    run(tmp_path, f"{easyrsa} init-pki", **settings)
    run(tmp_path, f"{easyrsa} build-ca", EASYRSA_PASSOUT=secret, EASYRSA_PASSIN=secret, **settings)
    text = (tmp_path / "pki" / "ca.crt").read_bytes()
    key = (tmp_path / "pki" / "private" / "ca.key").read_bytes()

    with pytest.raises(WrongPassword, match="encrypted"):
        adopt(text, key)
    with pytest.raises(WrongPassword, match="cannot be read"):
        adopt(text, key, "wrong")
    adoption = adopt(text, key, "not so secret")

    assert [one.partition(":")[0] for one in adoption.warnings] == [
        "its basicConstraints are not critical",
        "its RSA key has 2048 bits; 3072 are advised for an authority",
    ]
    assert not adoption.direct
    assert adoption.authority.organization == "Easy"


def test_an_authority_of_mkcert_issues_directly_and_cannot_revoke(tmp_path: Path) -> None:
    run(tmp_path, "mkcert a.example", CAROOT=str(tmp_path), HOME=str(tmp_path))

    adoption = adopt(
        (tmp_path / "rootCA.pem").read_bytes(), (tmp_path / "rootCA-key.pem").read_bytes()
    )

    assert adoption.direct
    assert adoption.authority.name == "ca"
    assert [one[:30] for one in adoption.warnings] == [
        "it may not sign CRLs (no cRLSi",
        "its path length allows no auth",
        "it is for servers and for clie",
    ]
    # What the first warning says: error 35 is X509_V_ERR_KEYUSAGE_NO_CRL_SIGN.
    assert "error 35" in complaint(tmp_path, adoption, CLIENT)


def test_an_authority_of_debians_minica_cannot_revoke(tmp_path: Path) -> None:
    run(tmp_path, "minica a.example")

    adoption = adopt((tmp_path / "cacert.crt").read_bytes(), (tmp_path / "cakey.key").read_bytes())

    assert not adoption.direct
    assert adoption.authority.organization == "Example Organization"
    assert any("no cRLSign" in one for one in adoption.warnings)


def test_an_authority_of_the_other_minica_issues_directly() -> None:
    # github.com/jsha/minica is not in Debian: path length 0, both purposes, no cRLSign.
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    bounded = x509.BasicConstraints(ca=True, path_length=0)
    rights = usage(digital_signature=True, crl_sign=False)
    certificate = forge(ROOT, KEY, add=[bounded, rights, x509.ExtendedKeyUsage(both)])

    adoption = examine(certificate, (), KEY, now=NOW)

    assert adoption.direct
    assert adoption.authority.issues(SERVER)
    assert adoption.authority.issues(CLIENT)


@pytest.mark.parametrize("legacy", [False, True])
def test_what_xca_exports_is_read(tmp_path: Path, *, legacy: bool) -> None:
    # XCA has no command line; these are the forms that its export dialogue offers, by openssl:
    # one PEM of certificate and key (PKCS#8 or traditional, encrypted), and PKCS#12.
    run(
        tmp_path,
        "openssl req -x509 -newkey rsa:3072 -passout pass:secret -keyout ca.key -out ca.pem "
        "-subj /CN=XCA -addext keyUsage=critical,keyCertSign,cRLSign",
        f"openssl rsa {'-traditional' if legacy else ''} -aes256 -in ca.key -passin pass:secret "
        "-passout pass:secret -out again.key",
        "openssl pkcs12 -export -in ca.pem -inkey ca.key -passin pass:secret -passout pass:secret "
        "-out ca.p12",
    )
    joined = (tmp_path / "again.key").read_bytes() + (tmp_path / "ca.pem").read_bytes()

    assert (b"Proc-Type" in joined) is legacy
    for text in (joined, (tmp_path / "ca.p12").read_bytes()):
        assert adopt(text, None, "secret").authority.organization == "XCA"
        with pytest.raises(WrongPassword):
            adopt(text, None, "wrong")
        with pytest.raises(WrongPassword):
            adopt(text)


def test_an_authority_below_a_foreign_root_brings_it_along() -> None:
    unbounded = forge(
        pki().servers.authority.certificate,
        KEY,
        add=[CA],
        without=[x509.ExtendedKeyUsage],
    )
    key = pki().servers.key

    adoption = examine(unbounded, [pki().clients.authority.certificate, ROOT], key, now=NOW)

    assert adoption.chain == (ROOT,)
    assert adoption.authority.bundle == (unbounded, ROOT)


def test_a_renewed_certificate_of_one_key_is_preferred_to_its_former_self() -> None:
    renewed = forge(ROOT, KEY, end=ROOT.not_valid_after_utc + timedelta(days=1))
    text = b"".join(one.public_bytes(Encoding.PEM) for one in (renewed, ROOT))

    assert read_ca(text, private_key_pem(KEY), None).certificate == renewed


def usage(**rights: bool) -> x509.KeyUsage:
    given = ROOT.extensions.get_extension_for_class(x509.KeyUsage).value
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    kept = {name: getattr(given, name) for name in names}
    return x509.KeyUsage(**{**kept, **rights}, encipher_only=False, decipher_only=False)


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (forge(ROOT, KEY, without=[x509.BasicConstraints]), "is no authority"),
        (
            forge(ROOT, KEY, add=[x509.BasicConstraints(ca=False, path_length=None)]),
            "is no authority",
        ),
        (forge(ROOT, KEY, add=[usage(key_cert_sign=False)]), "lacks keyCertSign"),
        (forge(ROOT, KEY, end=NOW), "expired on"),
        (forge(ROOT, KEY, start=NOW + timedelta(days=1)), "is not valid before"),
        (forge(ROOT, KEY, subject=x509.Name([]), issuer=x509.Name([])), "empty subject"),
        (
            forge(ROOT, KEY, add=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])]),
            "neither servers nor clients",
        ),
        (forge(ROOT, KEY, issuer=pki().clients.authority.certificate.subject), "is missing"),
    ],
)
def test_an_authority_that_hosts_would_refuse_is_refused(
    certificate: x509.Certificate, why: str
) -> None:
    with pytest.raises(CannotAdopt, match=why) as refusal:
        examine(certificate, (), KEY, now=NOW)
    assert refusal.value.hint


def test_all_that_is_wrong_is_said_at_once() -> None:
    broken = forge(ROOT, KEY, end=NOW, add=[usage(key_cert_sign=False)])

    with pytest.raises(CannotAdopt, match=r"not the one of this.*lacks keyCertSign.*expired on"):
        examine(broken, (), throwaway(), now=NOW)


def test_a_path_length_above_that_is_used_up_is_refused() -> None:
    bounded = forge(ROOT, KEY, add=[x509.BasicConstraints(ca=True, path_length=0)])
    below = pki().servers.authority.certificate

    with pytest.raises(CannotAdopt, match="path length above it"):
        examine(below, [bounded], pki().servers.key, now=NOW)


@pytest.mark.parametrize(
    ("certificate", "warning"),
    [
        (forge(ROOT, KEY, add=[usage(crl_sign=False)]), "mtls_revocation: none"),
        (forge(ROOT, KEY, without=[x509.KeyUsage]), "no keyUsage"),
        (forge(ROOT, KEY, without=[x509.SubjectKeyIdentifier]), "no subjectKeyIdentifier"),
        (forge(ROOT, KEY, turned=[x509.BasicConstraints]), "are not critical"),
        (
            forge(ROOT, KEY, add=[x509.BasicConstraints(ca=True, path_length=1)]),
            "allows one authority below it",
        ),
        (forge(ROOT, KEY, end=NOW + timedelta(days=100)), "it ends on"),
        (
            forge(ROOT, KEY, add=[x509.NameConstraints([x509.DNSName("corp.example")], None)]),
            "limit what it may certify to corp.example",
        ),
        (
            forge(ROOT, KEY, add=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]),
            "for clients alone",
        ),
    ],
)
def test_what_will_not_work_is_said_in_words(certificate: x509.Certificate, warning: str) -> None:
    (said,) = examine(certificate, (), KEY, now=NOW).warnings

    assert warning in said


def test_a_good_authority_is_taken_over_without_a_word() -> None:
    assert examine(ROOT, (), KEY, now=NOW).warnings == ()


@pytest.mark.parametrize("kind", [x509.SubjectKeyIdentifier, x509.KeyUsage])
def test_an_authority_without_an_optional_extension_works_in_apaches_openssl(
    tmp_path: Path, kind: type[x509.ExtensionType]
) -> None:
    bare = forge(ROOT, KEY, without=[kind])
    authority = Authority(name="ca", generation=1, certificate=bare, chain=())
    signer = Signer(authority=authority, key=KEY)
    request = LeafRequest(
        profile=CLIENT,
        common_name="alice",
        alternative_names=identity_alternative_names("alice"),
        public_key=throwaway().public_key(),
    )
    leaf = issue_leaf(request, signer, now=NOW, serial=7, throwaway=throwaway())
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (tmp_path / "ca.pem").write_bytes(bare.public_bytes(Encoding.PEM))
    crls = ladder(signer, (), first_number=1, now=NOW)
    (tmp_path / "crl.pem").write_bytes(crls[0].public_bytes(Encoding.PEM))

    run(
        tmp_path,
        "openssl verify -crl_check_all -no-CApath -no-CAstore -CAfile ca.pem -CRLfile crl.pem "
        f"-purpose sslclient -attime {int(NOW.timestamp())} leaf.pem",
    )


@pytest.mark.parametrize("serial", ["0", "-5"])
def test_a_serial_number_that_has_no_future_is_refused_in_words(
    tmp_path: Path, serial: str
) -> None:
    run(
        tmp_path,
        "openssl req -x509 -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem -days 3650 "
        f"-subj /CN=Old -set_serial {serial}",
    )

    with pytest.raises(CannotAdopt, match="Parsed a serial number which wasn't positive"):
        adopt((tmp_path / "ca.pem").read_bytes(), (tmp_path / "ca.key").read_bytes())


@pytest.mark.parametrize("mask", ["MASK:0x2", "MASK:0x4", "MASK:0x800", "MASK:0x100"])
def test_a_name_in_an_old_encoding_is_repeated_byte_by_byte_or_refused(
    tmp_path: Path, mask: str
) -> None:
    # 0x2 PrintableString, 0x4 T61String, 0x800 BMPString, 0x100 UniversalString
    (tmp_path / "ca.cnf").write_text(
        f"[req]\nstring_mask={mask}\ndistinguished_name=dn\nprompt=no\nx509_extensions=ca\n"
        "[dn]\nCN=Old Corp\n[ca]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"
        "keyUsage=critical,keyCertSign,cRLSign\n"
    )
    run(
        tmp_path,
        "openssl req -x509 -config ca.cnf -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem "
        "-days 3650",
    )

    try:
        adoption = adopt((tmp_path / "ca.pem").read_bytes(), (tmp_path / "ca.key").read_bytes())
    except CannotAdopt as refusal:
        assert "encoding" in str(refusal)  # noqa: PT017
    else:
        assert not complaint(tmp_path, adoption, CLIENT)


def test_sha_1_is_refused_but_for_a_roots_own_signature(tmp_path: Path) -> None:
    run(
        tmp_path,
        "openssl req -x509 -sha1 -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem -days 3650 "
        "-subj /CN=Old -addext keyUsage=critical,keyCertSign,cRLSign",
        "openssl req -new -newkey rsa:3072 -nodes -keyout sub.key -out sub.csr -subj /CN=Sub "
        "-addext basicConstraints=critical,CA:TRUE",
        "openssl x509 -req -sha1 -in sub.csr -CA ca.pem -CAkey ca.key -days 3000 -out sub.pem "
        "-copy_extensions copy",
    )
    root = (tmp_path / "ca.pem").read_bytes()

    adoption = adopt(root, (tmp_path / "ca.key").read_bytes())
    with pytest.raises(CannotAdopt, match="signed with SHA-1"):
        adopt((tmp_path / "sub.pem").read_bytes() + root, (tmp_path / "sub.key").read_bytes())

    assert adoption.warnings == ()
    assert isinstance(adoption.certificate.signature_hash_algorithm, hashes.SHA1)


def pem(*certificates: x509.Certificate, key: PrivateKey | None = None) -> bytes:
    text = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    return text + (b"" if key is None else private_key_pem(key))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "neither PEM nor PKCS#12"),
        (b"hello", "neither PEM nor PKCS#12"),
        (pem(ROOT), "no private key"),
        (pem(ROOT, key=KEY) + private_key_pem(KEY), "2 private keys"),
        (pem(key=KEY), "no certificate"),
        (pem(ROOT, key=key_of(KeyType.P256, "thief")), "belongs to none"),
        (pem(ROOT).replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), "OpenSSL's own form"),
        (b"0\x82\x01\x00garbage", "PKCS#12 file cannot be read"),
    ],
)
def test_files_that_hold_no_authority_are_refused(text: bytes, why: str) -> None:
    with pytest.raises(CannotAdopt, match=why):
        read_ca(text, None, None)


def test_the_key_of_an_adoption_does_not_show() -> None:
    found = read_ca(pem(ROOT, key=KEY), None, None)

    assert "PrivateKey" not in repr(found)
    assert "PrivateKey" not in repr(examine(ROOT, (), KEY, now=NOW))


def test_an_authority_for_one_purpose_issues_that_itself() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])

    adoption = examine(forge(ROOT, KEY, add=[usage]), (), KEY, now=NOW)

    assert adoption.direct
    assert adoption.authority.issues(CLIENT)
    assert not adoption.authority.issues(SERVER)


def test_a_certificate_in_der_is_read_as_well() -> None:
    found = read_ca(ROOT.public_bytes(Encoding.DER), private_key_pem(KEY), None)

    assert found.certificate == ROOT
