-- Makes payments at REST v1 from prepared orders, each exactly once. For one thread of wrk.
-- Folder (first argument): `keys`, one API key a line; `orders`, one `KEY-NUMBER IDEMPOTENCY-KEY BODY` a line.
local orders, counted = {}, nil

function setup(thread)
  counted = thread
end

function init(arguments)
  sent = 0
  local keys = {}
  for key in io.lines(arguments[1] .. "/keys") do
    table.insert(keys, key)
  end
  for line in io.lines(arguments[1] .. "/orders") do
    local key, idempotency, body = line:match("^(%d+) (%S+) (.+)$")
    local headers = {
      ["Authorization"] = "Bearer " .. keys[tonumber(key)],
      ["Content-Type"] = "application/json",
      ["Idempotency-Key"] = idempotency,
    }
    table.insert(orders, wrk.format("POST", "/v1/payments", headers, body))
  end
  nothing_left = wrk.format("GET", "/health/live", {})
end

function request()
  sent = sent + 1
  return orders[sent] or nothing_left
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"seconds": %.6f, "answered": %d, "not_2xx": %d, "broken": %d, "sent_by": [%d], ' ..
    '"p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f}\n',
    summary.duration / 1e6, summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, counted:get("sent"),
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
