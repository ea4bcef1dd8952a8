// Letters for a library of webhooks: it has to take what is ours and refuse what was changed on the way.
"use strict";

const { expect, want } = require("./telling.cjs");

// Have each letter judged by `verify`, which throws where it refuses.
async function judge(verify) {
  const { letters } = await want("letters");
  for (const { title, secret, body, headers, is_ours: isOurs } of letters) {
    let told = "taken";
    try {
      verify(secret, body, headers);
    } catch (error) {
      told = error.message;
    }
    expect(title, (told === "taken") === isOurs, { told });
  }
}

module.exports = { judge };
