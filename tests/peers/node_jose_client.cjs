// A partner that seals and opens with the public library node-jose, unmodified.
//
// Run by `jose_against_sandbox.py` in an environment that has nothing but that package.
"use strict";

const { JWE, JWK } = require("node-jose");
const { HEADER, exchange } = require("./sealing.cjs");
const { versions } = require("./telling.cjs");

const keyOf = (secret) => JWK.asKey({ kty: "oct", k: Buffer.from(secret).toString("base64url") });

async function seal(plain, secret) {
  const options = { format: "compact", contentAlg: HEADER.enc, fields: { alg: HEADER.alg, cty: HEADER.cty } };
  return JWE.createEncrypt(options, { key: await keyOf(secret), reference: false }).update(Buffer.from(plain)).final();
}

async function open(token, secret) {
  return (await JWE.createDecrypt(await keyOf(secret)).decrypt(token)).plaintext.toString();
}

versions("node-jose");
exchange(seal, open).then(() => process.exit(0));
