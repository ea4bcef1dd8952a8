// A receiver that checks our messages with the public library svix, unmodified.
//
// Run by `webhooks_against_sandbox.py` in an environment that has nothing but that package.
"use strict";

const { Webhook } = require("svix");
const { judge } = require("./judging.cjs");
const { versions } = require("./telling.cjs");

versions("svix");
judge((secret, body, headers) => new Webhook(secret).verify(body, headers)).then(() => process.exit(0));
