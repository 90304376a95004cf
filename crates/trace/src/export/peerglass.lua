-- Peerglass records in Wireshark and tshark.
--
--   wireshark -X lua_script:peerglass.lua run.pcapng
--   tshark -X lua_script:peerglass.lua -r run.pcapng -Y 'peerglass.type == "FIND_NODE" && peerglass.fate == "dropped"'
--
-- Or put this file into the folder of personal Lua plugins (Help, About, Folders) to have it always.
--
-- A packet is one record of a message: items of type (1 byte), length (4 bytes, big-endian) and value. Packets may be cut by the capture, and may come
-- from anybody: an item that does not fit ends the packet as malformed or, where the capture was cut, as cut.

local peerglass = Proto("peerglass", "Peerglass record")

local f = peerglass.fields
f.seq      = ProtoField.uint64("peerglass.seq", "Record")
f.peer     = ProtoField.uint32("peerglass.peer", "Peer")
f.other    = ProtoField.uint32("peerglass.other", "Other peer")
f.cause    = ProtoField.uint64("peerglass.cause", "Cause")
f.message  = ProtoField.uint64("peerglass.message", "Sent as record")
f.protocol = ProtoField.string("peerglass.protocol", "Protocol")
f.type     = ProtoField.string("peerglass.type", "Type")
f.size     = ProtoField.uint64("peerglass.size", "Size on the wire")
f.fate     = ProtoField.string("peerglass.fate", "Fate")
f.end_seq  = ProtoField.uint64("peerglass.end", "Ended as record")
f.why      = ProtoField.string("peerglass.why", "Why it was dropped")
f.latency  = ProtoField.uint64("peerglass.latency", "Latency in ns")
f.fields   = ProtoField.string("peerglass.fields", "Fields")
f.wire     = ProtoField.bytes("peerglass.wire", "Bytes of the wire")

-- The messages of our protocols on the wire: a varint length, then protobuf. By number, a field is a name, and what it holds: other fields, names of its
-- values, "bytes", or "number".
local kad_peer = { [1] = { "id", "bytes" }, [2] = { "address", "bytes" }, [3] = { "connection", { names = { [0] = "NOT_CONNECTED", "CONNECTED", "CAN_CONNECT", "CANNOT_CONNECT" } } } }
local formats = {
  kad = {
    [1] = { "type", { names = { [0] = "PUT_VALUE", "GET_VALUE", "ADD_PROVIDER", "GET_PROVIDERS", "FIND_NODE", "PING" } } },
    [2] = { "key", "bytes" },
    [3] = { "record", { fields = { [1] = { "record_key", "bytes" }, [2] = { "value", "bytes" }, [5] = { "time_received", "bytes" } } } },
    [8] = { "closer", { fields = kad_peer } },
    [9] = { "provider", { fields = kad_peer } },
    [10] = { "cluster_level", "number" },
  },
  transfer = {
    [1] = { "wantlist", { fields = {
      [1] = { "entry", { fields = {
        [1] = { "cid", "bytes" }, [2] = { "priority", "number" }, [3] = { "cancel", "number" },
        [4] = { "want_type", { names = { [0] = "Block", "Have" } } }, [5] = { "send_dont_have", "number" },
      } } },
      [2] = { "full", "number" },
    } } },
    [2] = { "block", "bytes" },
    [3] = { "payload", { fields = { [1] = { "prefix", "bytes" }, [2] = { "data", "bytes" } } } },
    [4] = { "presence", { fields = { [1] = { "presence_cid", "bytes" }, [2] = { "presence_type", { names = { [0] = "Have", "DontHave" } } } } } },
    [5] = { "pending_bytes", "number" },
  },
}

-- A field of Wireshark for each of them: peerglass.kad.key, peerglass.transfer.cid.
local known = {}
local function declare(prefix, format)
  for _, field in pairs(format) do
    local name, holds = field[1], field[2]
    local abbreviation = prefix .. "." .. name
    if type(holds) == "table" and holds.fields then
      declare(prefix, holds.fields)
    elseif not known[abbreviation] then
      local made
      if holds == "bytes" then made = ProtoField.bytes(abbreviation, name)
      elseif holds == "number" then made = ProtoField.uint64(abbreviation, name)
      else made = ProtoField.uint32(abbreviation, name, base.DEC, holds.names) end
      known[abbreviation] = made
      table.insert(f, made)
    end
  end
end
for protocol, format in pairs(formats) do declare("peerglass." .. protocol, format) end

local malformed = ProtoExpert.new("peerglass.malformed", "The record does not fit its packet", expert.group.MALFORMED, expert.severity.ERROR)
peerglass.experts = { malformed }

-- By the type of the item.
local items = {
  f.seq, f.peer, f.other, f.cause, f.message, f.protocol, f.type, f.size, f.fate, f.end_seq, f.why, f.latency, f.fields, f.wire,
}
-- Lengths of the items that are numbers.
local widths = { [1] = 8, [2] = 4, [3] = 4, [4] = 8, [5] = 8, [8] = 8, [10] = 8, [12] = 8 }
-- Items that are texts.
local texts = { [6] = true, [7] = true, [9] = true, [11] = true, [13] = true }

-- The number at `at`, and where it ends; nothing if it does not end before `stop`. Of numbers beyond 52 bits only the end is right.
local function varint(tvb, at, stop)
  local number, scale = 0, 1
  for i = at, math.min(stop, at + 10) - 1 do
    local byte = tvb(i, 1):uint()
    number, scale = number + (byte % 128) * scale, scale * 128
    if byte < 128 then return number, i + 1 end
  end
end

-- Adds the fields of a message that ends at `stop`. What a capture leaves out of the last one is no fault.
local function message(tvb, at, stop, format, prefix, tree)
  while at < stop do
    local tag, value = varint(tvb, at, stop)
    if not tag then return end
    local kind, number = tag % 8, math.floor(tag / 8)
    local field, after = format[number], nil
    local name = field and prefix .. "." .. field[1]
    if kind == 0 then
      local read
      read, after = varint(tvb, value, stop)
      if not read then return end
      if name and known[name] and field[2] ~= "bytes" then
        tree:add(known[name], tvb(at, after - at), field[2] == "number" and UInt64(read % 4294967296, math.floor(read / 4294967296) % 4294967296) or read % 4294967296)
      end
    elseif kind == 2 then
      local length, from = varint(tvb, value, stop)
      if not length then return end
      after = math.min(from + length, stop)
      if name and type(field[2]) == "table" and field[2].fields then
        message(tvb, from, after, field[2].fields, prefix, tree:add(tvb(at, after - at), field[1]))
      elseif name and field[2] == "bytes" and after > from then
        tree:add(known[name], tvb(from, after - from))
      end
    else
      after = value + (kind == 1 and 8 or 4)
    end
    at = after
  end
end

-- The structure of the bytes of the wire.
local function structure(tvb, protocol, tree)
  local format = formats[protocol]
  local length, from = varint(tvb, 0, tvb:len())
  if not format or not length then return end
  message(tvb, from, math.min(from + length, tvb:len()), format, "peerglass." .. protocol, tree)
end

-- What the packet list says of a record.
local function summarise(pinfo, seen)
  local sent = seen[5] and seen[1] and seen[1]:uint64() == seen[5]:uint64()
  local function name(item) return seen[item] and "p" .. tostring(seen[item]:uint()) or "?" end
  local from, to = name(2), name(3)
  if not sent then from, to = to, from end
  local function text(item) return seen[item] and seen[item]:string(ENC_UTF_8) or "" end
  pinfo.cols.protocol:set(text(6) ~= "" and text(6) or "peerglass")
  pinfo.cols.info:set(string.format("%s %s to %s %s: %s", sent and "out" or "in", from, to, text(7), text(9)))
end

function peerglass.dissector(tvb, pinfo, tree)
  local root = tree:add(peerglass, tvb())
  local at, length, seen = 0, tvb:len(), {}
  while at < length do
    if at + 5 > length then
      root:add_proto_expert_info(malformed)
      break
    end
    local kind, size = tvb(at, 1):uint(), tvb(at + 1, 4):uint()
    at = at + 5
    if size > length - at then
      -- A capture that was cut shows what there is of the last item.
      if tvb:reported_len() > length and texts[kind] and at < length then
        root:add(items[kind], tvb(at, length - at), tvb(at, length - at):string(ENC_UTF_8))
      else
        root:add_proto_expert_info(malformed)
      end
      break
    end
    local field = items[kind]
    if size > 0 and field then
      local range = tvb(at, size)
      if widths[kind] and widths[kind] ~= size then
        root:add_proto_expert_info(malformed)
      elseif texts[kind] then
        root:add(field, range, range:string(ENC_UTF_8))
        seen[kind] = range
      else
        local shown = root:add(field, range)
        seen[kind] = range
        if kind == 14 and seen[6] then structure(range:tvb(), seen[6]:string(ENC_UTF_8), shown) end
      end
    end
    at = at + size
  end
  summarise(pinfo, seen)
  return length
end
