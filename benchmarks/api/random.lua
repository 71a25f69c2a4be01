-- Asks for random experiments and days: wrk -s random.lua URL -- PATH FIRST_DAY DAYS EXPERIMENTS
local path, first, days, experiments

function init(args)
  path, first, days, experiments = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  math.randomseed(os.time())
end

function request()
  local number = math.random(0, experiments - 1)
  local name = string.format("area-%02d%%2Fexperiment-%05d", number % 50, number)
  local day = os.date("!%Y-%m-%d", 1609459200 + 86400 * (first + math.random(0, days - 1)))
  local url = "/experiment/" .. name .. "/" .. path
  if path == "result" then url = url .. "?day=" .. day end
  return wrk.format("GET", url)
end

function done(summary, latency, requests)
  io.write(string.format("JSON {\"requests\": %d, \"seconds\": %f, \"p50\": %f, \"p99\": %f, \"max\": %f, \"bad\": %d, \"broken\": %d}\n",
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
