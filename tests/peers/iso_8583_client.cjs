// A switch that uses the public codec iso_8583, unmodified, at a simulated bank's host.
//
// Run by `iso8583_against_sandbox.py` in an environment that has nothing but that package. The codec always
// writes a second bitmap, so its messages without a field above 64 differ from everybody else's by one bitmap
// that says nothing; a host must read them all the same.
"use strict";

const crypto = require("node:crypto");
const net = require("node:net");

const Iso8583 = require("iso_8583");
const vectors = require("./iso8583_vectors.json");
const { expect, versions } = require("./telling.cjs");

const VECTOR_KEY = "0123456789ABCDEFFEDCBA9876543210";
// It counts the digits of hexadecimal text where others count bytes.
const FORMATS = {
  64: { ContentType: "b", Label: "MAC", LenType: "fixed", MaxLen: 16 },
  128: { ContentType: "b", Label: "MAC", LenType: "fixed", MaxLen: 16 },
};

function encoded(mti, fields) {
  const content = new Iso8583({ 0: mti, ...fields }, FORMATS).getRawMessage();
  if (content.error) {
    throw new Error(content.error);
  }
  return content;
}

function decoded(content) {
  return new Iso8583(undefined, FORMATS).getIsoJSON(content, { lenHeader: false });
}

// ISO 9797-1 algorithm 3: every block through the left key alone, the last one through all three steps.
function macOf(keyHex, covered) {
  const key = Buffer.from(keyHex, "hex");
  const [left, right] = [key.subarray(0, 8), key.subarray(8, 16)];
  const step = (whole, block) => {
    const cipher = crypto.createCipheriv("des-ede3-ecb", whole, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.final()]);
  };
  let chained = Buffer.alloc(8);
  for (let at = 0; at < covered.length; at += 8) {
    const block = Buffer.alloc(8);
    covered.copy(block, 0, at, Math.min(at + 8, covered.length));
    for (let byte = 0; byte < 8; byte += 1) {
      block[byte] ^= chained[byte];
    }
    const isLast = at + 8 >= covered.length;
    chained = step(Buffer.concat([left, isLast ? right : left, left]), block);
  }
  return chained.toString("hex");
}

function sealed(mti, fields, keyHex) {
  const place = Object.keys(fields).some((number) => Number(number) > 64) ? 128 : 64;
  const content = encoded(mti, { ...fields, [place]: "00".repeat(8) });
  const covered = content.subarray(0, -8);
  return Buffer.concat([covered, Buffer.from(macOf(keyHex, covered), "hex")]);
}

function tryVectors() {
  for (const { title, mti, fields, hex } of vectors) {
    const content = Buffer.from(hex, "hex");
    const read = decoded(content);
    const isRight = Object.entries({ 0: mti, ...fields }).every(([number, value]) => read[number] === value);
    expect(`vector ${title} is read`, isRight && Object.keys(read).length === Object.keys(fields).length + 1);
    const written = encoded(mti, fields);
    const hasSecond = Object.keys(fields).some((number) => Number(number) > 64);
    const first = Buffer.from([written[4] & 0x7f]);
    const without = Buffer.concat([written.subarray(0, 4), first, written.subarray(5, 12), written.subarray(20)]);
    const same = hasSecond ? written : without;
    expect(`vector ${title} is written${hasSecond ? "" : ", but for an empty bitmap"}`, same.equals(content));
    const mac = fields[64] ?? fields[128];
    if (mac) {
      expect(`vector ${title} has this MAC`, macOf(VECTOR_KEY, content.subarray(0, -8)) === mac, { mac });
    }
  }
}

function connected(place) {
  const [host, port] = place.split(":");
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), host, () => resolve(socket));
    socket.once("error", reject);
  });
}

function send(socket, content) {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(content.length);
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const take = (part) => {
      received = Buffer.concat([received, part]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        socket.off("data", take);
        resolve(received.subarray(2, 2 + received.readUInt16BE()));
      }
    };
    socket.on("data", take);
    socket.write(Buffer.concat([head, content]));
  });
}

function stamps(offset, now) {
  const text = new Date(now + offset).toISOString();
  const [date, time] = [text.slice(5, 10).replace("-", ""), text.slice(11, 19).replaceAll(":", "")];
  const yearDay = Math.floor((now + offset - Date.UTC(Number(text.slice(0, 4)))) / 86_400_000) + 1;
  return { date, time, rrn: text[3] + String(yearDay).padStart(3, "0") + time.slice(0, 2) };
}

function request(house, stan) {
  const now = Date.now();
  const [utc, local] = [stamps(0, now), stamps(6 * 3_600_000, now)];
  return {
    [house.alias_field]: house.alias_field === "2" ? "5060990000000000000" : "AL0000000000000000ZZ",
    3: "500000",
    4: "000000010000",
    7: utc.date + utc.time,
    11: stan,
    12: local.time,
    13: local.date,
    18: "4900",
    32: house.acquirer,
    37: local.rrn + stan,
    41: "EKPAY001",
    42: "EKPAYSWITCH0001",
    48: `PEER${stan}`,
    49: "050",
  };
}

async function talk(house) {
  const socket = await connected(house.place);
  for (const [code, stan] of [["001", "900001"], ["301", "900002"]]) {
    const answer = decoded(await send(socket, encoded("0800", { 7: "1109083015", 11: stan, 70: code })));
    expect(`${house.id}: 0800 ${code}`, answer[0] === "0810" && answer[39] === "00" && answer[11] === stan);
  }
  const asked = request(house, "900003");
  const answers = [["0200", asked, "14"]];
  const acquirer = house.acquirer.padStart(11, "0");
  const { 18: _merchant, 48: _ours, ...kept } = request(house, "900004");
  const original = `0200${kept[11]}${kept[7]}${acquirer}${acquirer}`;
  answers.push(["0420", { ...kept, 11: "900005", 39: "68", 90: original }, "25"]);
  for (const [mti, fields, code] of answers) {
    const content = await send(socket, sealed(mti, fields, house.mac_key));
    const answer = decoded(content);
    const isSealed = macOf(house.mac_key, content.subarray(0, -8)) === content.subarray(-8).toString("hex");
    expect(`${house.id}: ${mti} is answered with ${code} under a MAC`, answer[39] === code && isSealed, {
      mti: answer[0],
    });
  }
  socket.destroy();
}

async function main(houses) {
  versions("iso_8583");
  tryVectors();
  for (const house of houses) {
    await talk(house);
  }
}

main(JSON.parse(process.argv[2])).then(() => process.exit(0));
