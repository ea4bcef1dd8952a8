// How a client's script tells what it saw, a line of JSON for each step.
"use strict";

const readline = require("node:readline");

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(step, facts) {
  process.stdout.write(JSON.stringify({ step, ...facts }) + "\n");
}

function versions(...packages) {
  const facts = { node: process.version };
  for (const name of packages) {
    facts[name] = require(`${process.env.NODE_PATH}/${name}/package.json`).version;
  }
  say("versions", facts);
}

function expect(step, isRight, facts) {
  say(step, { is_right: Boolean(isRight), ...facts });
}

// Expect that the client throws and says these words of the far side.
async function expectRefusal(step, words, call) {
  try {
    expect(step, false, { told: await call() });
  } catch (error) {
    const text = `${error.reason ?? ""} ${error.message}`.trim();
    expect(step, text.includes(words), { error: text });
  }
}

// Have something done by whoever started us.
async function want(wants, facts) {
  process.stdout.write(JSON.stringify({ wants, ...facts }) + "\n");
  return JSON.parse((await answers.next()).value);
}

module.exports = { expect, expectRefusal, say, versions, want };
