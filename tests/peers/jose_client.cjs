// A partner that seals and opens with the public library jose, unmodified.
//
// Run by `jose_against_sandbox.py` in an environment that has nothing but that package.
"use strict";

const { CompactEncrypt, compactDecrypt } = require("jose");
const { HEADER, exchange } = require("./sealing.cjs");
const { versions } = require("./telling.cjs");

const bytes = (text) => new TextEncoder().encode(text);

async function seal(plain, secret) {
  return new CompactEncrypt(bytes(plain)).setProtectedHeader(HEADER).encrypt(bytes(secret));
}

async function open(token, secret) {
  return new TextDecoder().decode((await compactDecrypt(token, bytes(secret))).plaintext);
}

versions("jose");
exchange(seal, open).then(() => process.exit(0));
