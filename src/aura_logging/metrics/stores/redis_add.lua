-- Add a batch of samples to every tier and to the totals, once.
-- KEYS[1]: the set of metric names; the other keys share its hash tag and follow from the arguments.
-- ARGV: prefix, batch id (may be empty), tiers as [[step, seconds to live]], most series of a metric, samples as
-- [[name, at, id, identity, overflow id, overflow identity, [[part, increase]], [last, last at], exemplar]].
-- The identity of a series is sent until the server has it. Returns {1, ids that were counted as overflow}, or, with
-- nothing done, {0, ids it does not know}.
-- Numbers that are added arrive as text and go on as text: Lua would round them.
local prefix, batch, most_series = ARGV[1], ARGV[2], tonumber(ARGV[4])
local call = redis.call
local samples = cjson.decode(ARGV[5])
local unknown, overflowed = {}, {}
for _, sample in ipairs(samples) do
  if sample[4] == '' and call('HEXISTS', prefix .. ':series:' .. sample[1], sample[3]) == 0 then
    unknown[#unknown + 1] = sample[3]
  end
end
if #unknown > 0 then
  return {0, unknown}
end
if batch ~= '' and not call('SET', prefix .. ':batch:' .. batch, 1, 'NX', 'EX', 3600) then
  return {1, {}}
end
local tiers = cjson.decode(ARGV[3])
local expiring = {}

for _, sample in ipairs(samples) do
  local name, at, id, identity = sample[1], sample[2], sample[3], sample[4]
  local parts, last, exemplar = sample[7], sample[8], sample[9]
  local series = prefix .. ':series:' .. name
  if identity ~= '' and call('HEXISTS', series, id) == 0 then
    if sample[5] ~= '' and call('HLEN', series) >= most_series then
      overflowed[#overflowed + 1] = id
      id, identity = sample[5], sample[6]
    end
    call('HSET', series, id, identity)
    call('SADD', KEYS[1], name)
  end

  local total = prefix .. ':total:' .. name
  local keys = {total}
  for _, tier in ipairs(tiers) do
    local key = string.format('%s:t:%d:%d:%s', prefix, tier[1], at - at % tier[1], name)
    keys[#keys + 1] = key
    expiring[key] = tier[2]
  end

  for _, part in ipairs(parts) do
    -- Only sums have fractions; adding whole numbers costs Redis a third.
    local field, increment = id .. '|' .. part[1], part[1] == 's' and 'HINCRBYFLOAT' or 'HINCRBY'
    for _, key in ipairs(keys) do
      call(increment, key, field, part[2])
    end
  end
  if last[1] then
    for _, key in ipairs(keys) do
      local before = call('HGET', key, id .. '|a')
      if not before or tonumber(before) <= tonumber(last[2]) then
        call('HSET', key, id .. '|l', last[1], id .. '|a', last[2])
      end
    end
  end
  call('HSETNX', total, id .. '|f', string.format('%d', at))
  if exemplar ~= '' then
    call('HSET', total, id .. '|x', exemplar)
  end
end
for key, seconds in pairs(expiring) do
  call('EXPIRE', key, seconds)
end
return {1, overflowed}
