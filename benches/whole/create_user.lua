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

-- The same fields as those of the users that `migrate` sends here (data.rs).
function request()
  made = made + 1
  local n = made * 2 + number
  local name = ""
  if n % 10 > 0 then
    name = string.format('"first_name":"Given%d","last_name":"Family%d",', n % 977, n % 7919)
  end
  local password = '"skip_password_requirement":true'
  if n % 10 >= 1 and n % 10 <= 3 then
    password = string.format('"password_digest":"$2b$10$abcdefghijklmnopqrstuu%030de","password_hasher":"bcrypt"', n)
  end
  local body = string.format(
    '{"external_id":"%08x-0000-4000-8000-%012x","email_address":["user%d@example.com"],%s%s,' ..
    '"public_metadata":{"image":"https://images.example.com/%d.png"}}', n * 2654435761 % 4294967296, n, n, name, password, n)
  return wrk.format("POST", "/v1/users", headers, body)
end
