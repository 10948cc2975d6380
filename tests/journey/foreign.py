"""Somebody else's authorities, made with openssl as people make them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
[ca]
default_ca = this
[this]
dir = {directory}
database = {directory}/index.txt
serial = {directory}/serial
new_certs_dir = {directory}
certificate = {directory}/ca.pem
private_key = {directory}/ca.key
default_md = sha256
default_crl_days = 7
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = any
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
extendedKeyUsage = serverAuth
subjectAltName = {names}
[client]
extendedKeyUsage = clientAuth
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCa:
    """An authority in a directory: `ca.pem`, `ca.key`, and `ca.crl` once there is one."""

    directory: Path
    above: "ForeignCa | None" = None

    @classmethod
    def root(cls, directory: Path, subject: str) -> "ForeignCa":
        ca = cls(directory=directory)
        ca._prepare()
        ca._openssl(
            "req", "-x509", *KEY, "-utf8", "-subj", subject, "-days", "365", "-config", "ca.cnf",
            "-extensions", "authority", "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip
        return ca

    def below(self, directory: Path, subject: str) -> "ForeignCa":
        """Make an authority below this one."""
        ca = ForeignCa(directory=directory, above=self)
        ca._prepare()
        self.issue(directory / "ca", subject, "authority")
        return ca

    def issue(
        self, path: Path, subject: str, extensions: str, *, names: str = "", end: str = ""
    ) -> None:
        """Make a key and a certificate: `path` with `.key` and `.pem`."""
        key, request, certificate = (path.with_suffix(one) for one in (".key", ".csr", ".pem"))
        self._write_config(names or "DNS:nobody.example")
        self._openssl(
            "req", "-new", *KEY, "-utf8", "-subj", subject, "-config", "ca.cnf",
            "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        dates = ("-startdate", "20200101000000Z", "-enddate", end) if end else ("-days", "90")
        self._openssl(
            "ca", "-batch", "-notext", "-utf8", "-preserveDN", "-config", "ca.cnf", *dates,
            "-extensions", extensions, "-in", str(request), "-out", str(certificate),
        )  # fmt: skip

    def revoke(self, certificate: Path) -> None:
        self._openssl("ca", "-config", "ca.cnf", "-revoke", str(certificate))

    def publish(self, *options: str) -> bytes:
        """Sign a revocation list, for a week unless `options` say otherwise."""
        self._openssl("ca", "-config", "ca.cnf", "-gencrl", *options, "-out", "ca.crl")
        return (self.directory / "ca.crl").read_bytes()

    @property
    def bundle(self) -> bytes:
        """This authority and everything above it."""
        above = b"" if self.above is None else self.above.bundle
        return (self.directory / "ca.pem").read_bytes() + above

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True)
        (self.directory / "index.txt").touch()
        (self.directory / "serial").write_text("1000\n")
        self._write_config("DNS:nobody.example")

    def _write_config(self, names: str) -> None:
        text = CONFIG.format(directory=self.directory, names=names)
        (self.directory / "ca.cnf").write_text(text)

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"openssl {' '.join(arguments)}\n{done.stderr}"
