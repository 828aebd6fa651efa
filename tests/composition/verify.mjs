// Whether signatures of Standard Webhooks are by these keys, by Node's own crypto: a line in, a line out.
import { createPublicKey, verify } from 'node:crypto';
import { createInterface } from 'node:readline';

// RFC 8410: what stands before the 32 bytes of an ed25519 public key in its SubjectPublicKeyInfo.
const PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

function keyOf(text) {
  const raw = Buffer.from(text.replace(/^whpk_/, ''), 'base64');
  return createPublicKey({ key: Buffer.concat([PREFIX, raw]), format: 'der', type: 'spki' });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body, keys } = JSON.parse(line);
  const head = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
  const content = Buffer.concat([Buffer.from(head), Buffer.from(body, 'base64')]);
  const signatures = headers['webhook-signature'].split(' ').map((one) => one.split(','));
  const by = (key) =>
    signatures.filter(([scheme, text]) => scheme === 'v1a' && verify(null, content, key, Buffer.from(text, 'base64')));
  console.log(JSON.stringify(keys.map((key) => by(keyOf(key)).length)));
}
