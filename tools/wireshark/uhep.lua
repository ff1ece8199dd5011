-- HEP v3 (Homer Encapsulation Protocol) for Wireshark and tshark: every chunk, every fault.
-- README.md beside this file says how to install and use it.

local HEADER = 6  -- octets, of the frame and of every chunk alike

-- The big-endian number in the string data from position at; nil if it is not all there.
local function big(data, at, width)
    if at + width - 1 > #data then
        return nil
    end
    local value = 0
    for index = at, at + width - 1 do
        value = value * 256 + data:byte(index)
    end
    return value
end

local inflate = dofile(__DIR__ .. "/uhep_inflate.lua")
local uhep = Proto("uhep", "HEP v3")
uhep.prefs.ports = Pref.range("Ports", "9060-9061", "UDP, TCP and TLS ports of collectors", 65535)
uhep.prefs.frame_limit = Pref.uint(
    "Longest frame on TCP", 65535, "Longer ones get frame-limit; Kamailio takes 16383 octets")
uhep.prefs.max_inflate = Pref.uint(
    "Longest inflated payload", 262144, "A compressed payload is not inflated beyond this")


-- Names ----------------------------------------------------------------------------------

local VENDORS = {
    [0] = "generic", "FreeSWITCH", "Kamailio", "OpenSIPS", "Asterisk", "Homer", "SipXecs",
    "Yeti Switch", "Genesys",
}
local FAMILIES = { [2] = "IPv4", [10] = "IPv6" }
local FOREIGN_INET6 = { [23] = "Windows", [28] = "FreeBSD", [30] = "macOS" }
local IP_PROTOCOLS = { [6] = "TCP", [17] = "UDP", [22] = "TLS", [132] = "SCTP" }
local EVENTS = { [0] = "reserved", "recording", "lawful interception" }
local PAYLOAD_TYPES = {
    [0] = "reserved", "SIP", "XMPP", "SDP", "RTP", "RTCP JSON", "MGCP", "MEGACO", "M2UA", "M3UA",
    "IAX", "H.323", "H.321", "M2PA",
    [32] = "QoS JSON", [34] = "MOS full report", [35] = "MOS short report",
    [38] = "QoS JSON (horaclifix)", [50] = "SIP JSON", [53] = "DNS JSON", [54] = "ISUP JSON",
    [55] = "RTSP JSON", [56] = "Diameter JSON", [57] = "GSM MAP JSON", [58] = "RTCP PION",
    [60] = "CDR", [61] = "Verto JSON", [86] = "OpenSIPS", [87] = "OpenSIPS MI",
    [88] = "OpenSIPS REST", [89] = "OpenSIPS network", [96] = "OpenSIPS control",
    [99] = "VQ report", [100] = "log",
}
local SIP = 1

-- Payload type -> Wireshark's dissector; whatever the type, JSON goes to the one for JSON.
local HANDLERS = {
    [1] = "sip", [3] = "sdp", [4] = "rtp", [5] = "rtcp", [35] = "data-text-lines",
    [99] = "data-text-lines", [100] = "data-text-lines",
}
local JSON = Dissector.get("json")
for kind, name in pairs(HANDLERS) do
    HANDLERS[kind] = Dissector.get(name)
end


-- Chunks and fields ----------------------------------------------------------------------

local FAMILY, PROTO, SRC4, DST4, SRC6, DST6, SPORT, DPORT = 1, 2, 3, 4, 5, 6, 7, 8
local SEC, USEC, TYPE, NODE_ID, KEY, PAYLOAD, COMPRESSED, CID = 9, 10, 11, 12, 14, 15, 16, 17
local NODE_NAME = 0x13
local MANDATORY = { FAMILY, PROTO, SPORT, DPORT, SEC, USEC, TYPE, NODE_ID }

-- Each kind: the field's last name, what it is called, octets of a number, how it is shown.
local UINT = { [1] = "uint8", [2] = "uint16", [4] = "uint32", [8] = "uint64" }

local function number(name, title, width, names, hex)
    local field = ProtoField[UINT[width]]("uhep." .. name, title, hex or base.DEC, names)
    return { title = title, width = width, number = true, names = names, field = field }
end

local function address(name, title, width)
    local make = width == 4 and ProtoField.ipv4 or ProtoField.ipv6
    return { title = title, width = width, field = make("uhep." .. name, title) }
end

local function text(name, title, repeatable)
    local field = ProtoField.string("uhep." .. name, title, base.UNICODE)
    return { title = title, text = true, repeatable = repeatable, field = field }
end

local function octets(name, title)
    return { title = title, field = ProtoField.bytes("uhep." .. name, title) }
end

local CHUNKS = {
    [FAMILY] = number("family", "Address family", 1, FAMILIES),
    [PROTO] = number("proto", "IP protocol", 1, IP_PROTOCOLS),
    [SRC4] = address("src4", "IPv4 source", 4),
    [DST4] = address("dst4", "IPv4 destination", 4),
    [SRC6] = address("src6", "IPv6 source", 16),
    [DST6] = address("dst6", "IPv6 destination", 16),
    [SPORT] = number("sport", "Source port", 2),
    [DPORT] = number("dport", "Destination port", 2),
    [SEC] = number("sec", "Seconds", 4),
    [USEC] = number("usec", "Microseconds", 4),
    [TYPE] = number("type", "Payload type", 1, PAYLOAD_TYPES),
    [NODE_ID] = number("node_id", "Capture id", 4),
    [0x0d] = number("keep_alive", "Keep-alive timer", 2),
    [KEY] = text("key", "Authentication key"),
    [PAYLOAD] = octets("payload", "Payload"),
    [COMPRESSED] = octets("compressed", "Compressed payload"),
    [CID] = text("cid", "Correlation id"),
    [0x12] = number("vlan", "VLAN", 2),
    [NODE_NAME] = text("node_name", "Node name"),
    [0x14] = number("src_mac", "Source MAC", 8, nil, base.HEX),
    [0x15] = number("dst_mac", "Destination MAC", 8, nil, base.HEX),
    [0x16] = number("ethertype", "Ethernet type", 2, nil, base.HEX),
    [0x17] = number("tcp_flags", "TCP flags", 1, nil, base.HEX),
    [0x18] = number("tos", "IP TOS", 1, nil, base.HEX),
    [0x20] = number("mos", "MOS times 100", 2),
    [0x21] = number("r_factor", "R-factor", 2),
    [0x22] = text("geo", "Geo location"),
    [0x23] = number("jitter", "Jitter", 4),
    [0x24] = text("transaction", "Transaction type"),
    [0x25] = text("json_keys", "Payload JSON keys", true),
    [0x26] = text("tags", "Tag values", true),
    [0x27] = number("tag_type", "Tag type", 2),
    [0x28] = number("event", "Event type", 2, EVENTS),
    [0x29] = text("group", "Group id"),
}
CHUNKS[0x27].repeatable = true

local f = {
    total = ProtoField.uint16("uhep.total", "Total length"),
    chunk = ProtoField.none("uhep.chunk", "Chunk"),
    vendor = ProtoField.uint16("uhep.chunk.vendor", "Vendor", base.HEX, VENDORS),
    type = ProtoField.uint16("uhep.chunk.type", "Type", base.HEX),
    length = ProtoField.uint16("uhep.chunk.length", "Length"),
    data = ProtoField.bytes("uhep.chunk.data", "Data"),
    time = ProtoField.absolute_time("uhep.time", "Capture time", base.UTC),
    compression = ProtoField.string("uhep.compression", "Compression"),
    trailer = ProtoField.bytes("uhep.trailer", "Octets behind the frame"),
}
local fields = {}
for _, field in pairs(f) do
    fields[#fields + 1] = field
end
for _, kind in pairs(CHUNKS) do
    fields[#fields + 1] = kind.field
end
uhep.fields = fields


-- Expert infos: for these names a strict decoder refuses the packet, or remarks on it. ----

local FAULTS = {
    ["too-short"] = "Fewer than the 6 octets of a HEP header",
    ["magic"] = "Does not begin with HEP3",
    ["hep-v1"] = "A HEPv1 packet",
    ["hep-v2"] = "A HEPv2 packet",
    ["eep1"] = "Begins with EEP1, the magic of an expired draft",
    ["total-length"] = "Total length differs from the size of the packet",
    ["frame-limit"] = "Frame longer than the limit for TCP",
    ["chunk-header"] = "Too few octets left for a chunk header",
    ["chunk-length"] = "Chunk length is below 6",
    ["chunk-overrun"] = "Chunk reaches beyond the end of the packet",
    ["chunk-width"] = "Number of the wrong width",
    ["type-zero"] = "Generic chunk of type 0",
    ["duplicate-chunk"] = "Chunk is there twice",
    ["nul-in-string"] = "Text holds a NUL octet",
    ["missing-chunk"] = "A mandatory chunk, or the payload, is absent",
    ["mixed-addresses"] = "Both IPv4 and IPv6 address chunks",
    ["family"] = "Address family does not fit the address chunks",
    ["microseconds"] = "Microseconds above 999999",
    ["two-payloads"] = "Payload both plain and compressed",
    ["compression"] = "Compressed payload is neither zlib nor gzip",
    ["inflate"] = "Compressed payload is damaged",
    ["inflate-limit"] = "Compressed payload grows beyond the limit",
}
local REMARKS = {
    ["foreign-family"] = "IPv6 as another system's AF_INET6; 10 is right",
    ["node-id-swapped"] = "Capture id with its halves swapped",
    ["empty-string"] = "Text chunk without text",
    ["empty-payload"] = "Payload chunk without payload",
    ["packed-payload"] = "Plain payload chunk holds a compressed stream",
    ["payload-not-last"] = "Chunks after the payload",
    ["correlation-last"] = "Correlation id without a generic chunk behind it",
    ["no-correlation"] = "Payload other than SIP without a correlation id",
    ["key-length"] = "Authentication key above 99 octets",
    ["vendor-type"] = "Vendor chunk with a generic type number",
    ["ip-protocol"] = "Unknown IP protocol",
    ["type-reserved"] = "Payload type 0 is reserved",
    ["time-unset"] = "Capture time is not set",
}
local experts = {}
for name, meaning in pairs(FAULTS) do
    experts[name] = ProtoExpert.new(
        "uhep.fault." .. name, meaning, expert.group.MALFORMED, expert.severity.ERROR)
end
for name, meaning in pairs(REMARKS) do
    experts[name] = ProtoExpert.new(
        "uhep.remark." .. name, meaning, expert.group.PROTOCOL, expert.severity.NOTE)
end
uhep.experts = experts


-- Reading a frame ------------------------------------------------------------------------
-- A packet is a table: tvb, data (its octets), size (as sent, which a capture may have cut),
-- total, stop (where chunks end), cut (true if the capture lacks chunks), tree; chunks (all, in
-- order), seen (generic types that are there), last (generic type -> its last usable chunk),
-- names (of its faults).

local function fault(packet, name, offset, sentence, item)
    item = item or packet.tree
    item:add_proto_expert_info(
        experts[name], ("%s at offset %d: %s"):format(name, offset, sentence))
    if FAULTS[name] then
        packet.names[#packet.names + 1] = name
    end
end

local function title_of(chunk)
    if chunk.vendor ~= 0 then
        local vendor = VENDORS[chunk.vendor] or ("vendor 0x%04x"):format(chunk.vendor)
        return ("Chunk 0x%04x of %s"):format(chunk.type, vendor)
    end
    return chunk.kind and chunk.kind.title or ("Unknown chunk 0x%04x"):format(chunk.type)
end

local function text_of(chunk, range)
    local kind = chunk.kind
    if kind.text then
        return range:string(ENC_UTF_8)
    elseif not kind.width then
        return chunk.size .. " octets"
    elseif kind.width == 8 then
        return tostring(range:uint64())
    elseif kind.number then
        local name = kind.names and kind.names[chunk.number]
        return name and ("%s (%d)"):format(name, chunk.number) or tostring(chunk.number)
    end
    return tostring(kind.width == 4 and range:ipv4() or range:ipv6())
end

local function show(packet, chunk)
    local tvb, offset = packet.tvb, chunk.offset
    local item = packet.tree:add(f.chunk, tvb(offset, HEADER + chunk.size))
    item:set_text(title_of(chunk))
    item:add(f.vendor, tvb(offset, 2))
    local type_item = item:add(f.type, tvb(offset + 2, 2))
    if chunk.kind then
        type_item:append_text(" (" .. chunk.kind.title .. ")")
    end
    item:add(f.length, tvb(offset + 4, 2))
    local range = tvb(offset + HEADER, chunk.size)
    if chunk.usable then
        if chunk.kind.text then
            item:add_packet_field(chunk.kind.field, range, ENC_UTF_8)
        else
            item:add(chunk.kind.field, range)
        end
        item:append_text(": " .. text_of(chunk, range))
    else
        item:add(f.data, range)
    end
    chunk.item = item
end

-- Reads the chunk at offset, which fits or was cut to fit.
local function read_chunk(packet, offset, size)
    local data = packet.data
    local chunk = { offset = offset, size = size }
    chunk.vendor, chunk.type = big(data, offset + 1, 2), big(data, offset + 3, 2)
    chunk.kind = chunk.vendor == 0 and CHUNKS[chunk.type] or nil
    chunk.body = data:sub(offset + HEADER + 1, offset + HEADER + size)
    local width = chunk.kind and chunk.kind.width
    chunk.usable = chunk.kind and (not width or width == size)
    if chunk.usable and chunk.kind.number then
        chunk.number = big(chunk.body, 1, width)
    end
    return chunk
end

local function judge(packet, chunk)
    local kind, offset, item = chunk.kind, chunk.offset, chunk.item
    if chunk.vendor == 0 and chunk.type == 0 then
        fault(packet, "type-zero", offset, "generic chunk types begin at 0x0001", item)
    end
    if not kind then
        return
    end
    if packet.seen[chunk.type] and not kind.repeatable then
        fault(packet, "duplicate-chunk", offset, kind.title .. " is there already", item)
    end
    packet.seen[chunk.type] = true
    if not chunk.usable then
        local sentence = ("%d octets of value, not %d"):format(chunk.size, kind.width)
        fault(packet, "chunk-width", offset, sentence, item)
        return
    end
    if kind.text and chunk.body:find("\0", 1, true) then
        fault(packet, "nul-in-string", offset, kind.title .. " has a NUL", item)
    end
    if chunk.type == USEC and chunk.number > 999999 then
        fault(packet, "microseconds", offset, chunk.number .. "; 999999 is the most", item)
    end
    packet.last[chunk.type] = chunk
end

local function walk(packet)
    local offset = HEADER
    while offset < packet.stop do
        local left = packet.stop - offset
        if left < HEADER then
            fault(packet, "chunk-header", offset, left .. " octets left, a chunk has 6")
            return
        end
        local length = big(packet.data, offset + 5, 2)
        if not length then
            packet.cut = true
            return
        elseif length < HEADER then
            fault(packet, "chunk-length", offset, "length is " .. length .. ", a chunk has 6")
            return
        end
        local size = math.min(length, left)
        if offset + size > #packet.data then
            packet.cut = true
            size = #packet.data - offset
        end
        local chunk = read_chunk(packet, offset, size - HEADER)
        packet.chunks[#packet.chunks + 1] = chunk
        show(packet, chunk)
        if length > left then
            local sentence = ("length is %d, %d octets are left"):format(length, left)
            fault(packet, "chunk-overrun", offset, sentence, chunk.item)
        end
        if not packet.cut then
            judge(packet, chunk)
        elseif chunk.usable then
            packet.last[chunk.type] = chunk
        end
        offset = offset + length
    end
end

local function check_complete(packet)
    local wanted = { { SRC4, SRC6 }, { DST4, DST6 }, { PAYLOAD, COMPRESSED } }
    for _, kind in ipairs(MANDATORY) do
        wanted[#wanted + 1] = { kind, kind }
    end
    for _, pair in ipairs(wanted) do
        if not (packet.seen[pair[1]] or packet.seen[pair[2]]) then
            fault(packet, "missing-chunk", packet.stop, "no chunk " .. CHUNKS[pair[1]].title)
        end
    end
end

local function check_addresses(packet)
    local last = packet.last
    local function first_of(source, target)
        local at = math.min(
            last[source] and last[source].offset or math.huge,
            last[target] and last[target].offset or math.huge)
        return at < math.huge and at or nil
    end
    local four, six = first_of(SRC4, DST4), first_of(SRC6, DST6)
    if four and six then
        fault(packet, "mixed-addresses", math.max(four, six), "both IPv4 and IPv6 addresses")
    elseif (four or six) and last[FAMILY] then
        local family, right = last[FAMILY].number, six and 10 or 2
        if family ~= right and not (six and FOREIGN_INET6[family]) then
            local sentence = "family " .. family .. ", but the addresses are " .. FAMILIES[right]
            fault(packet, "family", last[FAMILY].offset, sentence, last[FAMILY].item)
        end
    end
end

local PACKED = { "^\120\1", "^\120\156", "^\120\218", "^\31\139\8" }

-- Remarks on one usable generic chunk, by type: each returns a name and a sentence, or nil.
local REMARK_ON = {
    [FAMILY] = function(chunk)
        local system = FOREIGN_INET6[chunk.number]
        if system then
            return "foreign-family", chunk.number .. " is IPv6 on " .. system .. "; 10 is due"
        end
    end,
    [PROTO] = function(chunk)
        if not IP_PROTOCOLS[chunk.number] then
            return "ip-protocol", chunk.number .. " is none of 6, 17, 22, 132"
        end
    end,
    [SEC] = function(chunk)
        if chunk.number == 0 then
            return "time-unset", "receivers put their own time"
        end
    end,
    [TYPE] = function(chunk, packet)
        local cid = packet.last[CID]
        if chunk.number == 0 then
            return "type-reserved", "heplify-server drops it"
        elseif chunk.number ~= SIP and not (cid and cid.size > 0) then
            return "no-correlation", "Homer drops it"
        end
    end,
    [NODE_ID] = function(chunk)
        if chunk.number > 0 and chunk.number % 65536 == 0 then
            return "node-id-swapped", math.floor(chunk.number / 65536) .. " may be meant"
        end
    end,
    [KEY] = function(chunk)
        if chunk.size > 99 then
            return "key-length", chunk.size .. " octets; sngrep crashes at 101"
        end
    end,
    [CID] = function(_, _, after)
        if not after or after.vendor > 255 then
            return "correlation-last", "Kamailio reads on to the next NUL"
        end
    end,
    [PAYLOAD] = function(chunk)
        for _, begin in ipairs(PACKED) do
            if chunk.body:find(begin) then
                return "packed-payload", "a compressed payload belongs in chunk 0x0010"
            end
        end
    end,
}

local function remark_on(packet, chunk, after)
    local function remark(name, sentence)
        fault(packet, name, chunk.offset, sentence, chunk.item)
    end
    if chunk.vendor ~= 0 and CHUNKS[chunk.type] then
        remark("vendor-type", "read as " .. CHUNKS[chunk.type].title .. " by some")
    end
    if not chunk.usable then
        return
    end
    if chunk.kind.text and chunk.size == 0 then
        remark("empty-string", "better left out")
    end
    if chunk.type == PAYLOAD or chunk.type == COMPRESSED then
        if chunk.size == 0 then
            remark("empty-payload", "no octets")
        end
        if after then
            remark("payload-not-last", "the payload should be the last chunk")
        end
    end
    local check = REMARK_ON[chunk.type]
    if check then
        local name, sentence = check(chunk, packet, after)
        if name then
            remark(name, sentence)
        end
    end
end


-- Payload --------------------------------------------------------------------------------

-- The payload as a TvbRange; nil if there is none or it does not inflate.
local function payload_of(packet)
    local plain, packed = packet.last[PAYLOAD], packet.last[COMPRESSED]
    if plain and packed then
        local later = plain.offset > packed.offset and plain or packed
        fault(packet, "two-payloads", later.offset, "plain and compressed", later.item)
    end
    if plain then
        return plain.size > 0 and packet.tvb(plain.offset + HEADER, plain.size)
    elseif not packed then
        return
    end
    local good, method, payload = pcall(inflate, packed.body, uhep.prefs.max_inflate)
    if not good then
        fault(packet, method.name, packed.offset, "the stream " .. method.sentence, packed.item)
        return
    end
    packed.item:add(f.compression, method):set_generated()
    if payload ~= "" then
        local range = ByteArray.new(payload, true):tvb("Inflated payload")()
        packed.item:add(CHUNKS[PAYLOAD].field, range)
        return range
    end
end

local function handler_of(packet, range)
    if range:raw():find("^%s*[{%[]") then
        return JSON
    end
    return packet.last[TYPE] and HANDLERS[packet.last[TYPE].number]
end

-- Who captured what, in a line: node, payload type, correlation id.
local function summary(packet)
    local function string_of(kind)
        local chunk = packet.last[kind]
        if chunk and chunk.size > 0 then
            return text_of(chunk, packet.tvb(chunk.offset + HEADER, chunk.size))
        end
    end
    local node_id, kind = packet.last[NODE_ID], packet.last[TYPE]
    local parts = {
        string_of(NODE_NAME) or (node_id and node_id.number) or "?",
        kind and (PAYLOAD_TYPES[kind.number] or "type " .. kind.number) or "?",
    }
    parts[3] = string_of(CID)
    if #packet.names > 0 then
        parts[#parts + 1] = "[" .. table.concat(packet.names, ", ") .. "]"
    end
    return table.concat(parts, " ")
end


-- Frames ---------------------------------------------------------------------------------

local TCP = 2  -- pinfo.port_type of a segment, also one inside TLS

-- The fault, its sentence and offset, for which octets are no HEP v3 frame at all.
local function refusal(data, size)
    local begin, first = data:sub(1, 4), data:byte(1)
    if size < HEADER then
        return "too-short", size .. " octets; a HEP header has 6", 0
    elseif first == 1 or first == 2 then
        return "hep-v" .. first, "HEPv" .. first .. " received, please switch to v3", 0
    elseif begin == "EEP1" then
        return "eep1", "EEP1 received, an expired draft; please switch to HEP v3", 0
    elseif begin ~= "HEP3" then
        return "magic", "does not begin with HEP3", 0
    elseif big(data, 5, 2) < HEADER then
        return "total-length", "header says less than the 6 octets it has itself", 4
    end
end

local function show_time(packet)
    local sec, usec = packet.last[SEC], packet.last[USEC]
    if sec and usec and usec.number <= 999999 then
        local range = packet.tvb(sec.offset + HEADER, sec.size)
        local time = NSTime.new(sec.number, usec.number * 1000)
        packet.tree:add(f.time, range, time):set_generated()
    end
end

local function add_info(pinfo, line)
    local info = pinfo.cols.info
    pinfo.cols.protocol = "HEP"
    info:clear()
    if tostring(info) ~= "" then
        info:append("; ")  -- behind the fence of an earlier frame of this segment
    end
    info:append(line)
    info:fence()
end

local function read_frame(packet, pinfo)
    packet.total = big(packet.data, 5, 2)
    packet.stop = math.min(packet.total, packet.size)
    packet.tree:add(f.total, packet.tvb(4, 2))
    if packet.total ~= packet.size then
        local sentence = ("header says %d octets, packet has %d"):format(packet.total, packet.size)
        fault(packet, "total-length", 4, sentence)
    end
    if pinfo.port_type == TCP and packet.total > uhep.prefs.frame_limit then
        local sentence = "more than the " .. uhep.prefs.frame_limit .. " octets allowed"
        fault(packet, "frame-limit", 4, sentence)
    end
    walk(packet)
    if packet.total < #packet.data then
        packet.tree:add(f.trailer, packet.tvb(packet.total))
    end
    show_time(packet)
    if packet.cut then
        packet.tree:append_text(" [cut short by the capture]")
        return
    end
    check_complete(packet)
    check_addresses(packet)
    for index, chunk in ipairs(packet.chunks) do
        remark_on(packet, chunk, packet.chunks[index + 1])
    end
end

local function dissect_frame(tvb, pinfo, root)
    local packet = {
        tvb = tvb, data = tvb:raw(), size = tvb:reported_len(), tree = root:add(uhep, tvb()),
        chunks = {}, seen = {}, last = {}, names = {},
    }
    if #packet.data < math.min(packet.size, HEADER) then
        return tvb:len()  -- the capture has cut even the header
    end
    local name, sentence, offset = refusal(packet.data, packet.size)
    if name then
        fault(packet, name, offset, sentence)
        packet.tree:append_text(": " .. sentence)
        add_info(pinfo, "[" .. name .. "]")
        return tvb:len()
    end
    read_frame(packet, pinfo)
    local payload = payload_of(packet)
    local line = summary(packet)
    packet.tree:append_text(", " .. line)
    add_info(pinfo, line)
    local handler = payload and handler_of(packet, payload)
    if handler then
        pinfo.cols.info:append(" ")
        pinfo.cols.info:fence()
        -- A dissector that gives up on a broken payload has said so in the tree already.
        pcall(handler.call, handler, payload:tvb(), pinfo, root)
        pinfo.cols.info:fence()
        pinfo.cols.protocol = "HEP"
    end
    return tvb:len()
end

local function frame_length(tvb, _, offset)
    local left = tvb:len() - offset
    if left < HEADER then
        return HEADER
    end
    local data = tvb:raw(offset, HEADER)
    if refusal(data, HEADER) then
        -- Where the next frame begins is lost; what is there is shown as one.
        return left
    end
    return big(data, 5, 2)
end

local function dissect(tvb, pinfo, root)
    if pinfo.port_type ~= TCP then
        return dissect_frame(tvb, pinfo, root)
    end
    if tvb:raw(0, math.min(2, tvb:len())):find("^[\20-\23]\3") then
        return 0  -- a TLS record; what is inside comes back through tls.port
    end
    dissect_tcp_pdus(tvb, root, HEADER, frame_length, dissect_frame)
    return tvb:len()
end

uhep.dissector = dissect


-- Where it is asked: at the ports of the preference, and wherever octets begin with HEP3. ---

local function begins_like_hep(tvb)
    local begin = tvb:raw(0, math.min(4, tvb:len()))
    return begin == "HEP3" or begin == "EEP1"
end

uhep:register_heuristic("udp", function(tvb, pinfo, root)
    if not begins_like_hep(tvb) then
        return false
    end
    dissect(tvb, pinfo, root)
    return true
end)

uhep:register_heuristic("tcp", function(tvb, pinfo, root)
    if not begins_like_hep(tvb) then
        return false
    end
    pinfo.conversation = uhep  -- later segments may begin in the middle of a frame
    dissect(tvb, pinfo, root)
    return true
end)

local registered = ""

local function register_ports()
    for _, name in ipairs({ "udp.port", "tcp.port", "tls.port" }) do
        local ports = DissectorTable.get(name)
        if registered ~= "" then
            ports:remove(registered, uhep)
        end
        if uhep.prefs.ports ~= "" then
            ports:add(uhep.prefs.ports, uhep)
        end
    end
    registered = uhep.prefs.ports
end

uhep.prefs_changed = register_ports
register_ports()
