// Judges chains by what Node offers: each certificate against its issuer, dates, and host names.
// The same lines as judge.go. Node has no path validator of its own outside a handshake.
'use strict';

const { X509Certificate } = require('node:crypto');
const lines = require('node:fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);

const certificates = (encoded) =>
  encoded.split(',').filter(Boolean).map((text) => new X509Certificate(Buffer.from(text, 'base64')));

function judge([, , host, at, leaf, untrusted, roots]) {
  const [served] = certificates(leaf);
  const chain = [served, ...certificates(untrusted), ...certificates(roots)];
  for (const [place, certificate] of chain.entries()) {
    const issuer = chain[Math.min(place + 1, chain.length - 1)];
    if (!certificate.checkIssued(issuer)) return `${certificate.subject}: not of its issuer`;
    if (!certificate.verify(issuer.publicKey)) return `${certificate.subject}: wrong signature`;
    if (certificate.ca !== place > 0) return `${certificate.subject}: an authority or not`;
    const moment = new Date(Number(at) * 1000);
    if (moment < new Date(certificate.validFrom)) return `${certificate.subject}: not yet valid`;
    if (moment > new Date(certificate.validTo)) return `${certificate.subject}: expired`;
  }
  const named = /^[\d.]+$|:/.test(host) ? served.checkIP(host) : served.checkHost(host);
  return !host || named ? '' : `not for ${host}`;
}

for (const line of lines) {
  const asked = line.split('\t');
  let complaint;
  try {
    complaint = judge(asked);
  } catch (error) {
    complaint = String(error);
  }
  process.stdout.write(`${asked[0]}\t${complaint.replace(/\s+/g, ' ')}\n`);
}
