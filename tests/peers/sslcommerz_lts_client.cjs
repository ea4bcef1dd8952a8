// A merchant that uses the public client sslcommerz-lts, unmodified, at a simulated SSLCommerz.
//
// Run by `sslcommerz_against_sandbox.py` in an environment that has nothing but that package. Its addresses are
// members of the client, which are set anew. It posts everything, the session as multipart.
"use strict";

const SSLCommerzPayment = require("sslcommerz-lts");
const { expect, versions, want } = require("./telling.cjs");

const PAGES = "https://merchant.example";
const ORDER = {
  total_amount: 99.5,
  currency: "BDT",
  tran_id: "PEER-LTS-1",
  success_url: `${PAGES}/success`,
  fail_url: `${PAGES}/fail`,
  cancel_url: `${PAGES}/cancel`,
  shipping_method: "NO",
  product_name: "Bill",
  product_category: "bill",
  product_profile: "non-physical-goods",
  cus_name: "A. Payer",
  cus_email: "payer@example.org",
  cus_add1: "Dhaka",
  cus_city: "Dhaka",
  cus_postcode: "1000",
  cus_country: "Bangladesh",
  cus_phone: "01700000000",
};

function at(origin) {
  const client = new SSLCommerzPayment("ekpay", "gateway-sandbox", false);
  for (const name of Object.keys(client).filter((member) => member.endsWith("URL"))) {
    client[name] = client[name].replace("https://sandbox.sslcommerz.com", origin);
  }
  return client;
}

async function main(origin, ipnUrl) {
  versions("sslcommerz-lts");
  const client = at(origin);
  const opened = await client.init({ ...ORDER, ipn_url: ipnUrl });
  expect("session", opened.status === "SUCCESS", { page: opened.GatewayPageURL });
  const before = await client.transactionQueryBySessionId({ sessionkey: opened.sessionkey });
  expect("query by session before the payer", before.APIConnect === "DONE" && before.status === "PENDING");
  const told = (await want("payer", { page: opened.GatewayPageURL })).carries;
  const proof = await client.validate({ val_id: told.val_id });
  expect("validation", proof.status === "VALID" && proof.amount === "99.50" && proof.tran_id === ORDER.tran_id);
  const byId = await client.transactionQueryByTransactionId({ tran_id: ORDER.tran_id });
  expect("query by tran_id", byId.no_of_trans_found === 1 && byId.element[0].status === "VALIDATED");
  const refund = await client.initiateRefund({
    refund_amount: "9.50",
    refund_remarks: "returned",
    bank_tran_id: told.bank_tran_id,
    refe_id: "1",
  });
  expect("refund", refund.status === "success", { refund: refund.refund_ref_id });
  const asked = await client.refundQuery({ refund_ref_id: refund.refund_ref_id });
  expect("refund query", asked.APIConnect === "DONE" && asked.status === "refunded", { on: asked.refunded_on });
  const cancelled = await client.init({ ...ORDER, tran_id: "PEER-LTS-2" });
  const left = await want("payer", { page: cancelled.GatewayPageURL, does: "cancel" });
  const word = left.carries.status;
  expect("a payer who cancels", left.sent_to === ORDER.cancel_url && word === "CANCELLED", { word });
}

main(process.argv[2], process.argv[3]).then(() => process.exit(0));
