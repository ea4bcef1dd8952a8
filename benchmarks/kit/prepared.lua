-- Sends prepared bodies, each exactly once: every thread of wrk has a file of its own.
-- Folder (first argument): `tokens`, one bearer token a line; `bodies.N`, one `TOKEN-NUMBER BODY` a line.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(arguments)
  local headers = {}
  for token in io.lines(arguments[1] .. "/tokens") do
    table.insert(headers, { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "text/plain" })
  end
  prepared, sent = {}, 0
  for line in io.lines(arguments[1] .. "/bodies." .. number) do
    local token, body = line:match("^(%d+) (.+)$")
    table.insert(prepared, wrk.format("POST", nil, headers[tonumber(token)], body))
  end
  nothing_left = wrk.format("GET", "/health/live", {})
end

-- Running dry is counted by `sent` and fails the turn; something has to be sent all the same.
function request()
  sent = sent + 1
  return prepared[sent] or nothing_left
end

function done(summary, latency, _)
  local sent_by = {}
  for _, thread in ipairs(threads) do
    table.insert(sent_by, thread:get("sent"))
  end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"seconds": %.6f, "answered": %d, "not_2xx": %d, "broken": %d, "sent_by": [%s], ' ..
    '"p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f}\n',
    summary.duration / 1e6, summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(sent_by, ", "),
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
