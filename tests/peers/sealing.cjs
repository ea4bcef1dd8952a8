// A partner's messages through a JOSE library: it has to open what is ours, and we what it seals.
"use strict";

const { expect, expectRefusal, want } = require("./telling.cjs");

const HEADER = { cty: "JWT", enc: "A256GCM", alg: "dir" };

// Open each envelope of ours, refuse those that are not for this key, and have our own ones opened.
async function exchange(seal, open) {
  const { secret, sealed, spoilt } = await want("envelopes");
  for (const [plain, token] of sealed) {
    expect(`opens ${plain.length} characters`, (await open(token, secret)) === plain);
  }
  for (const [title, token] of Object.entries(spoilt)) {
    await expectRefusal(`refuses ${title}`, "", () => open(token, secret));
  }
  for (const [plain] of sealed) {
    const opened = await want("open", { token: await seal(plain, secret) });
    expect(`is opened, ${plain.length} characters`, opened.plain === plain);
  }
}

module.exports = { HEADER, exchange };
