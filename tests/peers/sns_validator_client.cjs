// The public verifier sns-validator, unmodified, over messages as Amazon's SNS signs them.
//
// Run by `sns_against_sandbox.py` in an environment that has nothing but that package. It fetches a certificate
// by `https.get` from Amazon's host; here `https.get` answers from what it was given, and nothing is fetched.
"use strict";

const { EventEmitter } = require("node:events");
const https = require("node:https");

const MessageValidator = require("sns-validator");
const { expect, versions, want } = require("./telling.cjs");

function answering(certificates) {
  return (url, take) => {
    const answer = Object.assign(new EventEmitter(), { statusCode: url in certificates ? 200 : 404 });
    setImmediate(() => {
      take(answer);
      answer.emit("data", Buffer.from(certificates[url] ?? ""));
      answer.emit("end");
    });
    return new EventEmitter();
  };
}

function verdict(validator, message) {
  return new Promise((resolve) => {
    validator.validate(JSON.stringify(message), (error) => resolve(error ? error.message : "signed"));
  });
}

async function main() {
  versions("sns-validator");
  const { letters, certificates } = await want("letters");
  https.get = answering(certificates);
  const validator = new MessageValidator();
  for (const { title, message, words } of letters) {
    const told = await verdict(validator, message);
    expect(title, told.includes(words), { told });
  }
}

main().then(() => process.exit(0));
