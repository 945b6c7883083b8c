// Mints a ticket: node mint.mjs KEY_FILE '{"sub":"ada","name":"Ada","room":"CDF234"}' [SECONDS]
// Ed25519 of Node's own `crypto`; no package. KEY_FILE is what `tickwire mint --new-key KEY_FILE` has written.
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [keyFile, claims, seconds = '60'] = process.argv.slice(2);
const [kid, paserk] = readFileSync(keyFile, 'utf8').trim().split(/\s+/);
const seed = Buffer.from(paserk.slice('k4.secret.'.length), 'base64url').subarray(0, 32);
const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]); // PKCS #8 of Ed25519
const time = (afterS) => new Date(Date.now() + afterS * 1000).toISOString();
const ticket = { ...JSON.parse(claims), jti: randomUUID(), iat: time(0), exp: time(+seconds) };

const length = (number) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt(number)); return bytes; };
const [payload, footer] = [ticket, { kid }].map((value) => Buffer.from(JSON.stringify(value)));
const parts = [Buffer.from('v4.public.'), payload, footer, Buffer.from('tickwire')];
// The pre-authentication encoding of PASETO: each part behind its length.
const signed = Buffer.concat([length(parts.length), ...parts.flatMap((part) => [length(part.length), part])]);
const body = Buffer.concat([payload, sign(null, signed, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))]);
console.log(`v4.public.${body.toString('base64url')}.${footer.toString('base64url')}`);
