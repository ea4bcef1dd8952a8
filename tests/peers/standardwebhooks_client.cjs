// A receiver that checks our messages with the public library standardwebhooks, unmodified.
//
// Run by `webhooks_against_sandbox.py` in an environment that has nothing but that package.
"use strict";

const { Webhook } = require("standardwebhooks");
const { judge } = require("./judging.cjs");
const { versions } = require("./telling.cjs");

versions("standardwebhooks");
judge((secret, body, headers) => new Webhook(secret).verify(body, headers)).then(() => process.exit(0));
