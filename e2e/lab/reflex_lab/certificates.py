"""The lab's own certificate authority, and what it signs.

kwokctl makes a PKI only when there is none. Ours is elliptic (no wait for RSA keys), carries the
names we need, the service address among them, and can sign for the node too.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reflex_lab.errors import LabError
from reflex_lab.kubeconfig import write_private

_VALID = datetime.timedelta(days=3650)
_SKEW = datetime.timedelta(hours=1)
API_SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
)


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def create_authority(*, pki: Path, addresses: Sequence[str], now: datetime.datetime) -> None:
    """Write ca.crt, ca.key, and admin.crt, admin.key as kwokctl expects them.

    The one "admin" pair serves the API server, signs service account tokens and is the
    administrator's: that is kwokctl's layout.

    Args:
        pki: the folder; made here.
        addresses: where clients reach the API server, beside loopback and its DNS names.
        now: start of the validity, less an hour for clocks that differ.
    """
    pki.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reflex-lab-ca")])
    builder = _builder(subject, subject, key.public_key(), key.public_key(), now)
    usage = _key_usage(signs_certificates=True)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(KeyPair(certificate=pki / "ca.crt", key=pki / "ca.key"), certificate, key)
    names = (*API_SERVER_NAMES, *addresses)
    sign(pki=pki, into=pki, name="admin", organization="system:masters", names=names, now=now)


def sign(
    *,
    pki: Path,
    into: Path,
    name: str,
    organization: str = "",
    names: Sequence[str] = (),
    now: datetime.datetime,
) -> KeyPair:
    """Write a certificate and key into a folder, signed by `pki`/ca.crt, for client and server use.

    Args:
        pki: folder of ca.crt and ca.key.
        into: folder of the result.
        name: common name (the API server's user) and, with "_" for ":", file name.
        organization: the API server's group.
        names: subject alternative names, for serving.
        now: start of the validity, less an hour for clocks that differ.
    """
    authority = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), password=None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise LabError(f"{pki / 'ca.key'} is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        _builder(x509.Name(subject), authority.subject, key.public_key(), ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    if names:
        alternative = x509.SubjectAlternativeName(alternative_names(names))
        builder = builder.add_extension(alternative, critical=False)
    into.mkdir(parents=True, exist_ok=True)
    stem = name.replace(":", "_")
    pair = KeyPair(certificate=into / f"{stem}.crt", key=into / f"{stem}.key")
    _write(pair, builder.sign(ca_key, hashes.SHA256()), key)
    return pair


def alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return subject alternative names: addresses as addresses, the rest as DNS names."""
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_public: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(issuer_id, critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: KeyPair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    # "EC PRIVATE KEY": from PKCS #8 the API server reads no key for service account tokens.
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    write_private(pair.key, pem.decode())
