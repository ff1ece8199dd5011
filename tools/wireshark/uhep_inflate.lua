-- Inflates zlib and gzip streams (RFC 1950, 1951, 1952) up to a limit; uhep.lua loads it.
-- Wireshark's own tvb:uncompress() has no limit, so that a bomb of 60 KB keeps it busy for
-- ten seconds, and it is silent about damage.

local LENGTHS, DISTANCES = {}, {}  -- symbol -> { base, extra bits }, RFC 1951 section 3.2.5
do
    local at = 3
    for symbol = 257, 284 do
        local extra = symbol < 265 and 0 or math.floor((symbol - 261) / 4)
        LENGTHS[symbol] = { at, extra }
        at = at + 2 ^ extra
    end
    LENGTHS[285] = { 258, 0 }
    at = 1
    for symbol = 0, 29 do
        local extra = symbol < 4 and 0 or math.floor(symbol / 2) - 1
        DISTANCES[symbol] = { at, extra }
        at = at + 2 ^ extra
    end
end
local CODE_ORDER = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

local function damaged(why)
    error({ name = "inflate", sentence = why })
end

-- Huffman code with a leading 1 bit -> symbol, for symbols from..to of the list of lengths.
local function code_book(lengths, from, to, is_code_lengths)
    local count, longest = {}, 0
    for bits = 0, 15 do
        count[bits] = 0
    end
    for at = from, to do
        count[lengths[at]] = count[lengths[at]] + 1
        longest = math.max(longest, lengths[at])
    end
    local next_code, code, unused = {}, 0, 1
    for bits = 1, 15 do
        unused = unused * 2 - count[bits]
        if unused < 0 then
            damaged("has a code that is oversubscribed")
        end
        code = (code + (bits > 1 and count[bits - 1] or 0)) * 2
        next_code[bits] = code + 2 ^ bits
    end
    if unused > 0 and (is_code_lengths or longest > 1) then
        damaged("has a code that is incomplete")
    end
    local book = {}
    for at = from, to do
        local bits = lengths[at]
        if bits > 0 then
            book[next_code[bits]] = at - from
            next_code[bits] = next_code[bits] + 1
        end
    end
    return book
end

-- Inflates the deflate stream in body from position at. Returns the octets as numbers, and
-- the position behind the stream.
local function inflate_raw(body, at, limit)
    local out, size = {}, 0
    local hold, held = 0, 0

    local function octet()
        local value = body:byte(at) or damaged("is cut short")
        at = at + 1
        return value
    end

    local function bits(count)
        local value, weight = 0, 1
        for _ = 1, count do
            if held == 0 then
                hold, held = octet(), 8
            end
            local bit = hold % 2
            hold, held = (hold - bit) / 2, held - 1
            value, weight = value + bit * weight, weight * 2
        end
        return value
    end

    local function symbol(book)
        local code = 1
        for _ = 1, 15 do
            code = code * 2 + bits(1)
            if book[code] then
                return book[code]
            end
        end
        damaged("has a code without a meaning")
    end

    local function emit(value)
        if size == limit then
            error({ name = "inflate-limit", sentence = "grows beyond " .. limit .. " octets" })
        end
        size = size + 1
        out[size] = value
    end

    local function stored()
        held = 0
        local length = octet() + 256 * octet()
        if length + octet() + 256 * octet() ~= 65535 then
            damaged("has a stored block of a wrong length")
        end
        for _ = 1, length do
            emit(octet())
        end
    end

    local function coded(literals, distances)
        while true do
            local value = symbol(literals)
            if value < 256 then
                emit(value)
            elseif value == 256 then
                return
            else
                local span = LENGTHS[value] or damaged("has a length without a meaning")
                local length = span[1] + bits(span[2])
                local jump = DISTANCES[symbol(distances)]
                    or damaged("has a distance without a meaning")
                local back = jump[1] + bits(jump[2])
                if back > size then
                    damaged("reaches back before its beginning")
                end
                for _ = 1, length do
                    emit(out[size + 1 - back])
                end
            end
        end
    end

    local function fixed()
        local lengths = {}
        for value = 0, 287 do
            lengths[value] = value < 144 and 8 or value < 256 and 9 or value < 280 and 7 or 8
        end
        for value = 288, 319 do
            lengths[value] = 5
        end
        coded(code_book(lengths, 0, 287), code_book(lengths, 288, 319))
    end

    local function dynamic()
        local literals, distances, codes = bits(5) + 257, bits(5) + 1, bits(4) + 4
        if literals > 286 or distances > 30 then
            damaged("has too many codes")
        end
        local lengths = {}
        for index, value in ipairs(CODE_ORDER) do
            lengths[value] = index <= codes and bits(3) or 0
        end
        local book = code_book(lengths, 0, 18, true)
        lengths = {}
        local index, last = 0, literals + distances - 1
        while index <= last do
            local value, times = symbol(book), 1
            if value == 16 then
                value = lengths[index - 1] or damaged("repeats a length that is not there")
                times = 3 + bits(2)
            elseif value == 17 then
                value, times = 0, 3 + bits(3)
            elseif value == 18 then
                value, times = 0, 11 + bits(7)
            end
            for _ = 1, times do
                lengths[index] = value
                index = index + 1
            end
        end
        if index > last + 1 or lengths[256] == 0 then
            damaged("has a wrong list of code lengths")
        end
        coded(code_book(lengths, 0, literals - 1), code_book(lengths, literals, last))
    end

    repeat
        local final, method = bits(1), bits(2)
        if method == 0 then
            stored()
        elseif method == 1 then
            fixed()
        elseif method == 2 then
            dynamic()
        else
            damaged("has a block of an unknown kind")
        end
    until final == 1
    return out, at
end

local CRC = {}
for index = 0, 255 do
    local value = index
    for _ = 1, 8 do
        local odd = value % 2 == 1
        value = bit.rshift(value, 1)
        if odd then
            value = bit.bxor(value, 0xedb88320)
        end
    end
    CRC[index] = value
end

-- CRC-32 of a list of octets, as a number from 0 to 2^32 - 1.
local function crc32(list)
    local crc = -1
    for index = 1, #list do
        crc = bit.bxor(bit.rshift(crc, 8), CRC[bit.band(bit.bxor(crc, list[index]), 255)])
    end
    return bit.bnot(crc) % 2 ^ 32
end

local function adler32(list)
    local low, high = 1, 0
    for index = 1, #list do
        low = (low + list[index]) % 65521
        high = (high + low) % 65521
    end
    return high * 65536 + low
end

-- The number in body from position at; least significant octet first unless big.
local function number(body, at, width, big)
    local octets = body:sub(at, at + width - 1)
    if #octets < width then
        damaged("is cut short")
    end
    local value = 0
    for index = 1, width do
        value = value * 256 + octets:byte(big and index or width + 1 - index)
    end
    return value
end

-- Where the deflate stream of a gzip body begins.
local function behind_gzip_header(body)
    local flags = body:byte(4) or damaged("is cut short")
    if body:byte(3) ~= 8 or flags >= 32 then
        damaged("has an unknown header")
    end
    local function flag(weight)
        return flags % (weight * 2) >= weight
    end
    local at = 11
    if flag(4) then
        at = at + 2 + number(body, at, 2)
    end
    for _, weight in ipairs({ 8, 16 }) do  -- file name and comment, each up to a NUL
        if flag(weight) then
            at = 1 + (body:find("\0", at, true) or damaged("is cut short"))
        end
    end
    if flag(2) then
        if number(body, at, 2) ~= crc32({ body:byte(1, at - 1) }) % 65536 then
            damaged("has a wrong header checksum")
        end
        at = at + 2
    end
    return at
end

-- Inflates body, a zlib or gzip stream, to limit octets at most. Returns "zlib" or "gzip" and
-- the octets as a string. Raises { name, sentence }: compression, inflate or inflate-limit.
local function inflate(body, limit)
    local gzip = body:sub(1, 2) == "\31\139"
    if not gzip and body:sub(1, 1) ~= "\120" then
        error({ name = "compression", sentence = "begins neither like zlib nor like gzip" })
    end
    local at = 3
    if gzip then
        at = behind_gzip_header(body)
    else
        local flags = body:byte(2) or damaged("is cut short")
        if (120 * 256 + flags) % 31 ~= 0 or bit.band(flags, 32) ~= 0 then
            damaged("has a wrong header, or needs a dictionary")
        end
    end
    local list
    list, at = inflate_raw(body, at, limit)
    local right
    if gzip then
        right = number(body, at, 4) == crc32(list) and number(body, at + 4, 4) == #list
    else
        right = number(body, at, 4, true) == adler32(list)
    end
    if not right then
        damaged("has a wrong checksum")
    end
    local extra = #body - (at + (gzip and 8 or 4) - 1)
    if extra > 0 then
        damaged("is followed by " .. extra .. " octets")
    end
    local parts = {}
    for from = 1, #list, 4096 do
        parts[#parts + 1] = string.char(table.unpack(list, from, math.min(from + 4095, #list)))
    end
    return gzip and "gzip" or "zlib", table.concat(parts)
end

return inflate
