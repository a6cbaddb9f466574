-- Counts for all replicas together what `limits.Window` and `limits.Meter` count in one process.
--
-- KEYS  1: the clock; then of each subject its minute and its places.
-- ARGV  1: enter, count, leave or renew
--       2: the milliseconds that the caller takes it to be, -1 where it does not know
--       3: for how many milliseconds a place is kept
--       4: the request's id
--       5, 6: input and output tokens more, or fewer where negative
--       7: the second in which its tokens were first counted, -1 where they have not been
--       then of each subject four limits: requests, inputs, outputs, places; -1 where there is none
-- renew: KEYS 2 and so on are places, ARGV 4 and so on the request in each of them.
--
-- Answers {now in milliseconds, which subject refuses (0: none), what of it (1 to 4 as above),
-- milliseconds until it fits, {of each subject three times how much is counted and the second in
-- which something was last: requests, inputs, outputs}}.
--
-- A minute is a hash: `r` is the sum of requests, `r17` those of second 17, `rl` the last second,
-- likewise `i` and `o`; `at` is the second as of which it is tidy. Places are a sorted set of
-- requests by the millisecond until which each is kept.

local KINDS = {'r', 'i', 'o'}
local WINDOW = 60
local KEPT_S = 3600
local NEWS_MS = 10000

-- The clock is the furthest that anybody takes it to be. Whoever asks adds to what they were told
-- the time that has passed for them since, so it never runs ahead, and no wall clock moves it.
-- Only of somebody new it is: every replica asks twice a second, so what has passed since the last
-- of them did is little, and of the wall clock no more is believed than that.
local clock = redis.call('HMGET', KEYS[1], 'now', 'wall')
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)
local known, now = tonumber(clock[1] or ''), tonumber(ARGV[2])
if now < 0 then
  now = wall
  if known then
    now = known + math.max(0, math.min(NEWS_MS, wall - tonumber(clock[2])))
  end
end
if known and known >= now then
  now = known
else
  redis.call('HSET', KEYS[1], 'now', string.format('%.0f', now), 'wall', string.format('%.0f', wall))
end
local second = math.floor(now / 1000)
local until_ms = now + tonumber(ARGV[3])

local function number(value)
  return tonumber(value or 0) or 0
end

local function tidy(minute)
  local at = tonumber(redis.call('HGET', minute, 'at') or '')
  if at == second then return end
  if at and second - at > WINDOW then
    redis.call('DEL', minute)
  elseif at then
    local names = {}
    for old = at - WINDOW, second - WINDOW - 1 do
      for _, kind in ipairs(KINDS) do names[#names + 1] = kind .. old end
    end
    if #names > 0 then
      local amounts = redis.call('HMGET', minute, unpack(names))
      for place, name in ipairs(names) do
        if amounts[place] then
          redis.call('HINCRBY', minute, string.sub(name, 1, 1), -amounts[place])
          redis.call('HDEL', minute, name)
        end
      end
    end
  end
  redis.call('HSET', minute, 'at', second)
  redis.call('EXPIRE', minute, KEPT_S)
end

local function add(minute, kind, amount)
  redis.call('HINCRBY', minute, kind, amount)
  redis.call('HINCRBY', minute, kind .. second, amount)
  redis.call('HSET', minute, kind .. 'l', second)
end

local function correct(minute, kind, amount, counted)
  if amount == 0 then return end
  if counted >= 0 and redis.call('HEXISTS', minute, kind .. counted) == 1 then
    redis.call('HINCRBY', minute, kind, amount)
    redis.call('HINCRBY', minute, kind .. counted, amount)
  elseif amount > 0 then
    add(minute, kind, amount)
  end
end

-- How much is too much if `amount` comes on top; not above 0 where it fits.
local function over(minute, kind, amount, limit)
  return number(redis.call('HGET', minute, kind)) + amount - limit
end

local function wait_ms(minute, kind, excess)
  local names = {}
  for old = second - WINDOW, second do names[#names + 1] = kind .. old end
  local amounts = redis.call('HMGET', minute, unpack(names))
  for place, amount in ipairs(amounts) do
    excess = excess - number(amount)
    if excess <= 0 then
      return math.max(0, (second + place) * 1000 - now)
    end
  end
  return WINDOW * 1000
end

if ARGV[1] == 'renew' then
  for place = 2, #KEYS do
    redis.call('ZADD', KEYS[place], until_ms, ARGV[place + 2])
    redis.call('EXPIRE', KEYS[place], KEPT_S)
  end
  return {now, 0, 0, 0, {}}
end

local subjects = {}
for place = 2, #KEYS, 2 do
  local base = 7 + (place - 2) * 2
  subjects[#subjects + 1] = {
    minute = KEYS[place], places = KEYS[place + 1],
    r = tonumber(ARGV[base + 1]), i = tonumber(ARGV[base + 2]),
    o = tonumber(ARGV[base + 3]), c = tonumber(ARGV[base + 4]),
  }
end
local id, inputs, outputs = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local counted = tonumber(ARGV[7])

local function answer(which, kind, wait)
  local told = {}
  for _, one in ipairs(subjects) do
    local found = redis.call('HMGET', one.minute, 'r', 'rl', 'i', 'il', 'o', 'ol')
    for place = 1, 6 do told[#told + 1] = number(found[place]) end
  end
  return {now, which, kind, wait, told}
end

for _, one in ipairs(subjects) do tidy(one.minute) end

if ARGV[1] == 'enter' then
  for which, one in ipairs(subjects) do
    if one.c >= 0 then
      redis.call('ZREMRANGEBYSCORE', one.places, '-inf', string.format('%.0f', now))
      if redis.call('ZCARD', one.places) >= one.c then return answer(which, 4, 1000) end
    end
    if one.r >= 0 then
      local excess = over(one.minute, 'r', 1, one.r)
      if excess > 0 then return answer(which, 1, wait_ms(one.minute, 'r', excess)) end
    end
  end
  for _, one in ipairs(subjects) do
    if one.r >= 0 then add(one.minute, 'r', 1) end
    if one.c >= 0 then
      redis.call('ZADD', one.places, until_ms, id)
      redis.call('EXPIRE', one.places, KEPT_S)
    end
  end
  return answer(0, 0, 0)
end

if ARGV[1] == 'count' then
  for which, one in ipairs(subjects) do
    for kind = 2, 3 do
      local name, amount = KINDS[kind], kind == 2 and inputs or outputs
      if one[name] >= 0 and amount > 0 then
        local excess = over(one.minute, name, amount, one[name])
        if excess > 0 then return answer(which, kind, wait_ms(one.minute, name, excess)) end
      end
    end
  end
end

if ARGV[1] == 'leave' then
  for _, one in ipairs(subjects) do redis.call('ZREM', one.places, id) end
end

for _, one in ipairs(subjects) do
  if one.i >= 0 then correct(one.minute, 'i', inputs, counted) end
  if one.o >= 0 then correct(one.minute, 'o', outputs, counted) end
end
return answer(0, 0, 0)
