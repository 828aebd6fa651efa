-- Sends the lines of a file in turn: `authorization TAB body` each. Prints what was counted as one line of JSON.
local requests, at = {}, 0

function init(args)
   for line in io.lines(args[1]) do
      local token, body = line:match("^(.-)\t(.*)$")
      local headers = { ["content-type"] = "application/json" }
      if #token > 0 then headers["authorization"] = token end
      requests[#requests + 1] = wrk.format("POST", "/graphql", headers, body)
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency, _)
   local e = summary.errors
   io.write(string.format('\nRESULT {"requests":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"mean":%.3f,"failed":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.mean / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
