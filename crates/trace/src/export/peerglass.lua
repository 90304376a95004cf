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
        root:add(field, range)
        seen[kind] = range
      end
    end
    at = at + size
  end
  summarise(pinfo, seen)
  return length
end
