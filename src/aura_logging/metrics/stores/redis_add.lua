-- Add a batch of samples to every tier and to the totals, once.
-- KEYS[1]: the set of metric names; the other keys share its hash tag and follow from the arguments.
-- ARGV: prefix, batch id (may be empty), tiers as [[step, seconds to live]], most series of a metric, samples as
-- [[name, at, id, identity, overflow id, overflow identity, [[part, increase]], [last, last at], exemplar]].
-- Numbers that are added arrive as text and go on as text: Lua would round them.
local prefix, batch, most_series = ARGV[1], ARGV[2], tonumber(ARGV[4])
if batch ~= '' and not redis.call('SET', prefix .. ':batch:' .. batch, 1, 'NX', 'EX', 3600) then
  return 0
end
local tiers = cjson.decode(ARGV[3])
local expiring = {}

local function add(key, id, parts, last)
  for _, part in ipairs(parts) do
    -- Only sums have fractions; adding whole numbers costs Redis a third.
    redis.call(part[1] == 's' and 'HINCRBYFLOAT' or 'HINCRBY', key, id .. '|' .. part[1], part[2])
  end
  if last[1] then
    local at = redis.call('HGET', key, id .. '|a')
    if not at or tonumber(at) <= tonumber(last[2]) then
      redis.call('HSET', key, id .. '|l', last[1], id .. '|a', last[2])
    end
  end
end

for _, sample in ipairs(cjson.decode(ARGV[5])) do
  local name, at, id, identity = sample[1], sample[2], sample[3], sample[4]
  local parts, last, exemplar = sample[7], sample[8], sample[9]
  local series = prefix .. ':series:' .. name
  if redis.call('HEXISTS', series, id) == 0 then
    if sample[5] ~= '' and redis.call('HLEN', series) >= most_series then
      id, identity = sample[5], sample[6]
    end
    redis.call('HSET', series, id, identity)
    redis.call('SADD', KEYS[1], name)
  end
  local total = prefix .. ':total:' .. name
  add(total, id, parts, last)
  redis.call('HSETNX', total, id .. '|f', string.format('%d', at))
  if exemplar ~= '' then
    redis.call('HSET', total, id .. '|x', exemplar)
  end
  for _, tier in ipairs(tiers) do
    local start = at - at % tier[1]
    local key = string.format('%s:t:%d:%d:%s', prefix, tier[1], start, name)
    add(key, id, parts, last)
    expiring[key] = tier[2]
  end
end
for key, seconds in pairs(expiring) do
  redis.call('EXPIRE', key, seconds)
end
return 1
