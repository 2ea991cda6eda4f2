-- Add up hashes of one metric: KEYS are its time buckets. ARGV[1] has, as JSON, the sum that each series id goes to; of a
-- series that is not there nothing is told. ARGV[2] is 1 if each bucket is to be told by itself.
-- Returns a flat list of fields and values for each bucket, or one for all, with the sum's name in a series' place.
local sum_of = cjson.decode(ARGV[1])
local is_each = ARGV[2] == '1'
local answers, sums, newest = {}, {}, {}

for place, key in ipairs(KEYS) do
  local found, last, last_at = redis.call('HGETALL', key), {}, {}
  for at = 1, #found, 2 do
    local id, part = string.match(found[at], '^([^|]*)|(.*)$')
    local sum = sum_of[id]
    if sum then
      if part == 'l' then
        last[id] = found[at + 1]
      elseif part == 'a' then
        last_at[id] = found[at + 1]
      elseif part ~= 'x' and part ~= 'f' then
        local field = sum .. '|' .. part
        sums[field] = (sums[field] or 0) + tonumber(found[at + 1])
      end
    end
  end
  for id, at in pairs(last_at) do
    local known = newest[sum_of[id]]
    if not known or tonumber(at) >= tonumber(known[2]) then
      newest[sum_of[id]] = {last[id] or '0', at}
    end
  end
  if is_each or place == #KEYS then
    local told = {}
    for field, value in pairs(sums) do
      told[#told + 1] = field
      told[#told + 1] = string.format('%.17g', value)
    end
    for sum, pair in pairs(newest) do
      told[#told + 1] = sum .. '|l'
      told[#told + 1] = pair[1]
      told[#told + 1] = sum .. '|a'
      told[#told + 1] = pair[2]
    end
    answers[#answers + 1] = told
    sums, newest = {}, {}
  end
end
return answers
