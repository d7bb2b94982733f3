-- A fresh user with every request.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  made = 0
  headers = {
    ["Authorization"] = "Bearer sk_live_benchmark",
    ["Content-Type"] = "application/json",
    ["User-Agent"] = "wrk",
  }
end

function request()
  made = made + 1
  local id = number .. "-" .. made
  local body = '{"external_id":"' .. id .. '","email_address":["user' .. id .. '@example.com"],"skip_password_requirement":true}'
  return wrk.format("POST", "/v1/users", headers, body)
end
