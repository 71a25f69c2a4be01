-- The same request every time, for the baselines.
request = function() return wrk.format("GET", "/experiment/x/result?day=2021-08-01") end

function done(summary, latency, requests)
  io.write(string.format("JSON {\"requests\": %d, \"seconds\": %f, \"p50\": %f, \"p99\": %f, \"max\": %f, \"bad\": %d}\n",
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status))
end
