// A merchant that uses the public client nagad-payment-gateway, unmodified, at a simulated Nagad.
//
// Run by `nagad_against_sandbox.py` in an environment that has nothing but that package. Its address and its
// keys are what it is constructed with; Node must be told to decrypt as Nagad has it (CVE-2023-46809).
"use strict";

const { NagadGateway } = require("nagad-payment-gateway");
const { expect, expectRefusal, versions, want } = require("./telling.cjs");

async function main(baseURL, keys) {
  versions("nagad-payment-gateway");
  const config = {
    apiVersion: "v-0.2.0",
    baseURL,
    callbackURL: "https://merchant.example/return",
    merchantID: keys.MERCHANT_ID,
    merchantNumber: "01700000000",
    privKey: keys.EKPAY_NAGAD_PRIVATE_KEY,
    pubKey: keys.EKPAY_NAGAD_GATEWAY_KEY,
    isPath: false,
  };
  const client = new NagadGateway(config);
  const order = {
    amount: "120.50",
    ip: "192.0.2.1",
    orderId: "PEER1001",
    productDetails: { bill: "1" },
    clientType: "PC_WEB",
  };
  const page = await client.createPayment(order);
  expect("create", page.startsWith("http"), { page });
  await expectRefusal("create the same order", "DuplicateOrderId", () => client.createPayment(order));
  const told = new URL((await want("payer", { page })).sent_to).searchParams;
  expect("callback", told.get("status") === "Success" && told.get("order_id") === order.orderId);
  const proof = await client.verifyPayment(told.get("payment_ref_id"));
  expect("verify", proof.status === "Success" && proof.amount === "120.50" && proof.orderId === order.orderId, {
    ref: proof.issuerPaymentRefNo,
  });
  expect("what the merchant added comes back", JSON.parse(proof.additionalMerchantInfo).bill === "1");
  await expectRefusal("verify a payment that is not there", "InvalidReferenceId", () =>
    client.verifyPayment("nobody"),
  );
  const stranger = new NagadGateway({ ...config, merchantID: "100000000000009" });
  await expectRefusal("another merchant", "InvalidMerchant", () =>
    stranger.createPayment({ ...order, orderId: "PEER1002" }),
  );
}

main(process.argv[2], JSON.parse(process.argv[3])).then(() => process.exit(0));
