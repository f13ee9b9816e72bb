-- SPDX-License-Identifier: Apache-2.0
-- Dissector for IMX/1 (Documentation/IMX-1-Protocol.md), for Wireshark and tshark 4.0 and later.
-- How to install and use it: README.md beside this file.

local imx = Proto("imx", "IMX/1")

if set_plugin_info then
    set_plugin_info({ version = "1.0", author = "IMX Aggregator", description = "IMX/1, the protocol between IMX services" })
end

local PREFACE = "\x89IMX\r\n\x1a\n"
local HEADER = 12
-- The largest payload that anybody may take: IMX-1 §3.2.
local LARGEST = 16777216
-- Fields shown of one record; more than any record within the rules has.
local SHOWN_FIELDS = 4096
-- The most that is kept of a record that spans TLS records, where TLS itself keeps nothing.
local JOINED_OCTETS = 1048576

-- Names -------------------------------------------------------------------------------------------------------------

local CODES = {
    [2000] = "done", [2001] = "handed on, fate unknown", [2002] = "awaits approval",
    [3001] = "the user has moved",
    [4001] = "not available now", [4002] = "no answer in time; not handed on", [4003] = "short of resources",
    [4004] = "too much at once", [4005] = "the claim could not be verified now",
    [5001] = "malformed", [5002] = "address invalid", [5003] = "no such user or attribute", [5004] = "refused",
    [5005] = "sender's domain not authenticated on this connection", [5006] = "domain not served here",
    [5007] = "out of hops, or a loop", [5008] = "type or critical field not understood", [5009] = "too large",
    [5010] = "content not acceptable", [5011] = "another subscription is live",
    [5012] = "no such subscription",
    [5013] = "recipient's domain not known", [5014] = "internal error", [5015] = "the claim was not verified",
}
local CLASSES = { [2] = "done", [3] = "elsewhere", [4] = "try later", [5] = "no" }

local GREASE = {}
for high = 0, 7 do GREASE[high * 0x1010 + 0x0A0A] = true end

local CAPABILITIES = { [0x0001] = "cb: dial-back bound to TLS", [0x0002] = "mutual: data back on the connection of VERIFY" }
local STATES = { [1] = "active", [2] = "pending", [3] = "ended" }
local CHAT_STATES = {
    [1] = "attends to it", [2] = "writes", [3] = "has stopped writing", [4] = "has not attended", [5] = "has left",
}
local KINDS = { [1] = "to", [2] = "cc" }
local STAGES = { [1] = "the way to the recipient", [2] = "the reading" }
local SCOPES = { [0] = "new work", [1] = "all work" }

-- Field number: filter name, label, type, most octets. IMX-1 §9.
local FIELDS = {
    [0x0001] = { "version_min", "Version, first", "u16" },
    [0x0002] = { "version_max", "Version, last", "u16" },
    [0x0003] = { "server_id", "Server-id", "id16" },
    [0x0004] = { "software", "Software", "text", 256 },
    [0x0005] = { "max_record", "Largest record taken", "u32" },
    [0x0006] = { "max_inflight", "Unanswered requests taken", "u32" },
    [0x0007] = { "idle_seconds", "Idle time in seconds", "u32" },
    [0x0008] = { "capability", "Capability", "u16" },
    [0x0009] = { "last_tag", "Last tag", "u32" },
    [0x000A] = { "host", "Host", "text", 253 },
    [0x000B] = { "port", "Port", "u16" },
    [0x000C] = { "seconds", "Seconds", "u32" },
    [0x000D] = { "scope", "Scope", "u8" },
    [0x000E] = { "opaque", "Opaque", "octets", 256 },
    [0x0010] = { "nonce", "Nonce", "octets32" },
    [0x0011] = { "dialled", "Dialled domain", "domain" },
    [0x0020] = { "source", "Source domain", "domain" },
    [0x0021] = { "target", "Target domain", "domain" },
    [0x0022] = { "token", "Token", "token", 128 },
    [0x0023] = { "secret", "Secret", "octets32" },
    [0x0024] = { "proof", "Proof", "octets32" },
    [0x0025] = { "confirm", "Confirmation", "octets32" },
    [0x0100] = { "from", "From", "address" },
    [0x0101] = { "to", "To", "address" },
    [0x0102] = { "message_id", "Message-id", "identifier", 255 },
    [0x0103] = { "hops", "Hops left", "u8" },
    [0x0104] = { "sent_at", "Sent at", "text", 64 },
    [0x0105] = { "deadline", "Deadline in milliseconds", "u32" },
    [0x0106] = { "receipt_wanted", "Receipt wanted", "flag" },
    [0x0107] = { "replaces", "Replaces message-id", "identifier", 255 },
    [0x0108] = { "trail", "Trail", "id16" },
    [0x0109] = { "about", "About message-id", "identifier", 255 },
    [0x0110] = { "mime", "MIME entity", "mime" },
    [0x0111] = { "attribute", "Attribute", "nested" },
    [0x0112] = { "key", "Key", "text", 255 },
    [0x0113] = { "attribute.type", "Media type", "text", 255 },
    [0x0114] = { "attribute.value", "Value", "octets", nil, true },
    [0x0115] = { "attribute.seconds", "May be kept, seconds", "u32" },
    [0x0116] = { "attribute.status", "Status", "u16" },
    [0x0120] = { "code", "Code", "u16" },
    [0x0121] = { "text", "Text", "text", 4096 },
    [0x0122] = { "lang", "Language", "text", 64 },
    [0x0123] = { "new_address", "New address", "address" },
    [0x0124] = { "retry_after", "Retry after, seconds", "u32" },
    [0x0125] = { "failed_field", "Failed field", "u16" },
    [0x0130] = { "duration", "Duration in seconds", "u32" },
    [0x0131] = { "subscript_id", "Subscript-id", "identifier", 255 },
    [0x0132] = { "forget", "Forget approval", "flag" },
    [0x0133] = { "state", "State", "u8" },
    [0x0134] = { "sequence", "Sequence", "u64" },
    [0x0140] = { "origin", "Origin", "id16" },
    [0x0141] = { "route", "Route", "octets", 64 },
    [0x0142] = { "same_connection", "Same connection", "flag" },
    [0x0180] = { "trace", "Trace", "id16" },
    [0x0181] = { "subject", "Subject", "nested" },
    [0x0182] = { "thread", "Thread", "text", 1024 },
    [0x0183] = { "thread_parent", "Thread parent", "text", 1024 },
    [0x0184] = { "message_type", "Message type", "text", 64 },
    [0x0185] = { "from_instance", "From instance", "identifier", 1023 },
    [0x0186] = { "to_instance", "To instance", "identifier", 1023 },
    [0x0187] = { "from_name", "From name", "nested" },
    [0x0188] = { "native_id", "Native id", "identifier", 1024 },
    [0x0189] = { "loss", "Loss", "nested" },
    [0x018A] = { "loss.feature", "Feature", "text", 256 },
    [0x018B] = { "baggage", "Baggage", "nested" },
    [0x018C] = { "baggage.origin", "Origin", "text", 64 },
    [0x018D] = { "baggage.name", "Name", "text", 1024 },
    [0x018E] = { "baggage.octets", "Octets", "octets", nil, true },
    [0x018F] = { "baggage.critical", "Critical", "flag" },
    [0x0190] = { "chat_state", "Chat state", "u8" },
    [0x0191] = { "read_report_wanted", "Report of reading wanted", "flag" },
    [0x0192] = { "recipient", "Further recipient", "nested" },
    [0x0193] = { "recipient.kind", "Kind", "u8" },
    [0x0194] = { "recipient.uri", "URI", "text", 2048 },
    [0x0195] = { "stage", "Stage", "u8" },
}

local SECRETS = { [0x0022] = true, [0x0023] = true, [0x0024] = true, [0x0025] = true }

local function set(...)
    local result = {}
    for _, id in ipairs({ ... }) do result[id] = true end
    return result
end

local ANY_REQUEST = set(0x0140, 0x0141, 0x0142)
local TEXTS = { required = { 0x0121 }, optional = set(0x0122) }

-- What the nested values hold.
local NESTED = {
    [0x0111] = { required = { 0x0112 }, optional = set(0x0113, 0x0114, 0x0115, 0x0116) },
    [0x0181] = TEXTS,
    [0x0187] = TEXTS,
    [0x0189] = { required = { 0x018A }, optional = set(0x0121) },
    [0x018B] = { required = { 0x018C, 0x018D }, optional = set(0x018E, 0x018F) },
    [0x0192] = { required = { 0x0193, 0x0194 }, optional = set(0x0121) },
}

-- What the answers hold.
local ANSWER = {
    required = { 0x0120 },
    optional = set(0x0121, 0x0122, 0x0123, 0x0124, 0x0125, 0x0111, 0x018B, 0x0140, 0x0141),
    repeated = set(0x0111, 0x018B),
}

-- Record type: what it holds. `kind` is "request" or "notice"; `names` are the roles of fields where they have another
-- name in this record than elsewhere.
local RECORDS = {
    [0x0001] = {
        name = "HELLO", kind = "notice", required = { 0x0001, 0x0002, 0x0003, 0x0010 },
        optional = set(0x0004, 0x0005, 0x0006, 0x0007, 0x0008, 0x0011), repeated = set(0x0008),
    },
    [0x0002] = {
        name = "CLOSE", kind = "notice", required = { 0x0009, 0x0120 },
        optional = set(0x0001, 0x0002, 0x0121, 0x0125),
    },
    [0x0003] = {
        name = "REDIRECT", kind = "notice", required = { 0x0020, 0x000A, 0x000B, 0x000C }, optional = set(0x000D),
        names = { [0x0020] = { "domain", "Domain" } },
    },
    [0x0004] = { name = "PING", kind = "request", required = {}, optional = set(0x000E), answers = set(0x000E) },
    [0x0010] = {
        name = "CLAIM", kind = "request", required = { 0x0020, 0x0021, 0x0022 }, optional = {},
        answers = set(0x0025),
    },
    [0x0011] = { name = "VERIFY", kind = "request", required = { 0x0020, 0x0021, 0x0022, 0x0023 }, optional = {} },
    [0x0012] = { name = "PROOF", kind = "notice", required = { 0x0020, 0x0021, 0x0024 }, optional = {} },
    [0x0020] = {
        name = "MESSAGE", kind = "request", required = { 0x0100, 0x0101, 0x0102, 0x0103 },
        optional = set(
            0x0104, 0x0105, 0x0106, 0x0107, 0x0108, 0x0110, 0x0111, 0x0180, 0x0181, 0x0182, 0x0183, 0x0184, 0x0185,
            0x0186, 0x0187, 0x0188, 0x0189, 0x018B, 0x0190, 0x0191, 0x0192
        ),
        repeated = set(0x0108, 0x0111, 0x0181, 0x0189, 0x018B, 0x0192),
    },
    [0x0021] = {
        name = "REPORT", kind = "request", required = { 0x0100, 0x0101, 0x0109, 0x0120 },
        optional = set(0x0121, 0x0122, 0x0103, 0x0105, 0x0180, 0x0195),
    },
    [0x0030] = {
        name = "SUBSCRIBE", kind = "request", required = { 0x0100, 0x0101, 0x0103, 0x0130, 0x0131 },
        optional = set(0x0105, 0x0132, 0x0180, 0x0187), answers = set(0x0130),
        names = { [0x0100] = { "watcher", "Watcher" }, [0x0101] = { "presentity", "Target" } },
        answer_names = { [0x0130] = { "granted", "Granted seconds" } },
    },
    [0x0031] = {
        name = "NOTIFY", kind = "request", required = { 0x0100, 0x0101, 0x0131, 0x0133, 0x0134 },
        optional = set(0x0103, 0x0105, 0x0110, 0x0111, 0x0120, 0x0180, 0x0189), repeated = set(0x0111, 0x0189),
        names = { [0x0100] = { "presentity", "Presentity" }, [0x0101] = { "watcher", "Watcher" } },
    },
    [0x0040] = {
        name = "GET", kind = "request", required = { 0x0100, 0x0101 },
        optional = set(0x0103, 0x0105, 0x0112, 0x0180), repeated = set(0x0112),
        names = { [0x0100] = { "requester", "Requester" }, [0x0101] = { "about_whom", "Subject" } }, subject = true,
    },
    [0x0041] = {
        name = "PUSH-ATTR", kind = "notice", required = { 0x0101 }, optional = set(0x0111), repeated = set(0x0111),
        names = { [0x0101] = { "about_whom", "Subject" } }, subject = true,
    },
}

local TYPE_NAMES, FIELD_NAMES, CAPABILITY_NAMES = {}, {}, {}
for number, record in pairs(RECORDS) do TYPE_NAMES[number] = record.name end
for number, field in pairs(FIELDS) do FIELD_NAMES[number] = field[1]:gsub("_", "-") end
for number, name in pairs(CAPABILITIES) do CAPABILITY_NAMES[number] = name end
for number in pairs(GREASE) do
    TYPE_NAMES[number], FIELD_NAMES[number], CAPABILITY_NAMES[number] = "GREASE", "GREASE", "GREASE"
end

local function type_name(number) return TYPE_NAMES[number] or string.format("type %04X", number) end

local function code_name(code)
    return CODES[code] or ((CLASSES[math.floor(code / 1000)] or "no") .. ", by its class")
end

-- Protocol fields ---------------------------------------------------------------------------------------------------

local f = {
    preface = ProtoField.bytes("imx.preface", "Preface"),
    record = ProtoField.none("imx.record", "Record"),
    length = ProtoField.uint32("imx.length", "Length of the payload", base.DEC),
    type = ProtoField.uint16("imx.type", "Type", base.HEX, TYPE_NAMES),
    flags = ProtoField.uint8("imx.flags", "Flags", base.HEX),
    request = ProtoField.bool("imx.flags.request", "REQ: an answer is owed", 8, nil, 0x01),
    response = ProtoField.bool("imx.flags.response", "RSP: this is an answer", 8, nil, 0x02),
    retry = ProtoField.bool("imx.flags.retry", "RETRY: may be a repeat", 8, nil, 0x08),
    other_flags = ProtoField.uint8("imx.flags.other", "Others, ignored", base.HEX, nil, 0xF4),
    reserved = ProtoField.uint8("imx.reserved", "Reserved", base.HEX),
    tag = ProtoField.uint32("imx.tag", "Tag", base.HEX),
    payload = ProtoField.bytes("imx.payload", "Payload"),
    field = ProtoField.none("imx.field", "Field"),
    field_id = ProtoField.uint16("imx.field.id", "Identifier", base.HEX, FIELD_NAMES),
    field_length = ProtoField.uint32("imx.field.length", "Length of the value", base.DEC),
    unknown = ProtoField.bytes("imx.field.unknown", "Value of an unknown field"),
    wrong = ProtoField.bytes("imx.field.wrong", "Value that breaks the rules"),
    mime_line = ProtoField.string("imx.mime.line", "Line"),
    data = ProtoField.bytes("imx.data", "Not IMX/1"),
    request_in = ProtoField.framenum("imx.request_in", "Request in frame", base.NONE, frametype.REQUEST),
    response_in = ProtoField.framenum("imx.response_in", "Answer in frame", base.NONE, frametype.RESPONSE),
    time = ProtoField.relative_time("imx.time", "Time since the request"),
    request_trace = ProtoField.string("imx.request_trace", "Trace of the request"),
    claim_in = ProtoField.framenum("imx.claim_in", "CLAIM in frame", base.NONE),
    verify_in = ProtoField.framenum("imx.verify_in", "VERIFY in frame", base.NONE),
    dialler = ProtoField.bool("imx.dialler", "Sent by the dialler"),
    watcher = ProtoField.string("imx.watcher", "Watcher"),
    presentity = ProtoField.string("imx.presentity", "Presentity"),
    requester = ProtoField.string("imx.requester", "Requester"),
    about_whom = ProtoField.string("imx.about_whom", "Subject"),
    domain = ProtoField.string("imx.domain", "Domain"),
    granted = ProtoField.uint32("imx.granted", "Granted seconds", base.DEC),
}

local VALUES = {
    capability = CAPABILITY_NAMES, code = CODES, ["attribute.status"] = CODES, failed_field = FIELD_NAMES,
    state = STATES, scope = SCOPES, chat_state = CHAT_STATES, ["recipient.kind"] = KINDS, stage = STAGES,
}
local HEXADECIMAL = { capability = true, failed_field = true, last_tag = true }

for _, definition in pairs(FIELDS) do
    local key, label, kind = definition[1], definition[2], definition[3]
    local name = "imx." .. key
    local display = HEXADECIMAL[key] and base.HEX or base.DEC
    if kind == "u8" then
        f[key] = ProtoField.uint8(name, label, display, VALUES[key])
    elseif kind == "u16" then
        f[key] = ProtoField.uint16(name, label, display, VALUES[key])
    elseif kind == "u32" then
        f[key] = ProtoField.uint32(name, label, display)
    elseif kind == "u64" then
        f[key] = ProtoField.uint64(name, label, base.DEC)
    elseif kind == "flag" then
        f[key] = ProtoField.bool(name, label)
    elseif kind == "nested" then
        f[key] = ProtoField.none(name, label)
    elseif kind == "octets" or kind == "octets32" or kind == "token" or kind == "mime" then
        f[key] = ProtoField.bytes(name, label)
    else
        -- Identifiers are opaque, but nearly always text; as text they can be typed into a filter.
        f[key] = ProtoField.string(name, label)
    end
end

local protocol_fields = {}
for _, field in pairs(f) do protocol_fields[#protocol_fields + 1] = field end
imx.fields = protocol_fields

local e = {
    malformed = ProtoExpert.new("imx.expert.malformed", "Breaks the rules of IMX/1", expert.group.MALFORMED, expert.severity.ERROR),
    foreign = ProtoExpert.new("imx.expert.no_preface", "This end does not speak IMX/1", expert.group.PROTOCOL, expert.severity.ERROR),
    cut = ProtoExpert.new("imx.expert.cut", "Not whole in this capture", expert.group.UNDECODED, expert.severity.NOTE),
    unknown = ProtoExpert.new("imx.expert.unknown", "Not known to version 1", expert.group.UNDECODED, expert.severity.NOTE),
    critical = ProtoExpert.new("imx.expert.critical", "Critical and not known: refused with 5008", expert.group.UNDECODED, expert.severity.WARN),
    grease = ProtoExpert.new("imx.expert.grease", "Without a meaning, for ever", expert.group.PROTOCOL, expert.severity.CHAT),
    misplaced = ProtoExpert.new("imx.expert.misplaced", "Has no meaning here", expert.group.PROTOCOL, expert.severity.NOTE),
    secret = ProtoExpert.new("imx.expert.secret", "Value of the dial-back: do not pass this capture on", expert.group.SECURITY, expert.severity.NOTE),
    sequence = ProtoExpert.new("imx.expert.sequence", "Not in order", expert.group.SEQUENCE, expert.severity.WARN),
    refused = ProtoExpert.new("imx.expert.refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.NOTE),
}
local experts = {}
for _, field in pairs(e) do experts[#experts + 1] = field end
imx.experts = experts

-- What is remembered from frame to frame. Written only when a frame is seen for the first time.
local streams, frames, claims, verifies, inside_tls, joined

function imx.init()
    streams, frames, claims, verifies, inside_tls, joined = {}, {}, {}, {}, {}, {}
end

-- Checks of values --------------------------------------------------------------------------------------------------

local function is_utf8(s)
    local i, n = 1, #s
    while i <= n do
        local a = s:byte(i)
        if a < 0x80 then
            i = i + 1
        else
            local count, low, high
            if a >= 0xC2 and a <= 0xDF then count, low, high = 1, 0x80, 0xBF
            elseif a == 0xE0 then count, low, high = 2, 0xA0, 0xBF
            elseif a == 0xED then count, low, high = 2, 0x80, 0x9F
            elseif a >= 0xE1 and a <= 0xEF then count, low, high = 2, 0x80, 0xBF
            elseif a == 0xF0 then count, low, high = 3, 0x90, 0xBF
            elseif a >= 0xF1 and a <= 0xF3 then count, low, high = 3, 0x80, 0xBF
            elseif a == 0xF4 then count, low, high = 3, 0x80, 0x8F
            else return false end
            local b = s:byte(i + 1)
            if not b or b < low or b > high then return false end
            for k = 2, count do
                b = s:byte(i + k)
                if not b or b < 0x80 or b > 0xBF then return false end
            end
            i = i + count + 1
        end
    end
    return true
end

local function is_domain(s)
    if #s < 1 or #s > 253 then return false end
    for label in (s .. "."):gmatch("([^.]*)%.") do
        if #label < 1 or #label > 63 or label:find("[^a-z0-9-]") or label:sub(1, 1) == "-" or label:sub(-1) == "-" then
            return false
        end
    end
    return true
end

local function is_address(s)
    local local_part, domain = s:match("^(.*)@([^@]*)$")
    return local_part ~= nil and #local_part >= 1 and #local_part <= 1024 and not local_part:find("[%c@]")
        and is_utf8(local_part) and is_domain(domain)
end

-- Text from the wire as it may stand in a column or a label.
local function printable(s)
    if #s > 100 then s = s:sub(1, 100):gsub("[\x80-\xFF]+$", "") .. "..." end
    if not is_utf8(s) then s = s:gsub("[\x80-\xFF]", "?") end
    return (s:gsub("%c", "?"))
end

-- Whether octets can be shown as text without loss.
local function is_plain(s) return is_utf8(s) and not s:find("%c") end

local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

-- Fields ------------------------------------------------------------------------------------------------------------

local WIDTHS = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, flag = 1, id16 = 16, octets32 = 32 }

-- Why a value breaks the rules; nil where it does not. IMX-1 §3.6, §9.
local function fault(definition, raw, record)
    local kind, limit, may_be_empty = definition[3], definition[4], definition[5]
    local width = WIDTHS[kind]
    if width then
        if #raw ~= width then return string.format("%d octets, not %d", #raw, width) end
        if kind == "flag" and raw:byte() > 1 then return "neither 0 nor 1" end
        return nil
    end
    if kind == "nested" then return nil end
    if #raw == 0 and not may_be_empty then return "empty" end
    if limit and #raw > limit then return string.format("%d octets, more than %d", #raw, limit) end
    if kind == "token" and #raw < 16 then return "fewer than 16 octets" end
    if kind == "text" and not is_utf8(raw) then return "not UTF-8" end
    if kind == "domain" and not is_domain(raw) then return "not a canonical domain" end
    if kind == "address" and not is_address(raw) and not (record and record.subject and is_domain(raw)) then
        return "not an address"
    end
    return nil
end

-- The limits of `text` 0121 depend on where it stands: IMX-1 §9.
local function text_rule(record, is_answer, parent)
    if parent == 0x0181 or parent == 0x0187 then return 65535, false end
    if parent == 0x0189 then return 1024, true end
    if parent == 0x0192 then return 1024, false end
    if record and record.name == "CLOSE" then return 1024, false end
    return 4096, is_answer or (record ~= nil and record.name == "REPORT")
end

local function add_lines(tree, range, raw)
    local start, count = 1, 0
    while start <= #raw and count < 200 do
        local stop = raw:find("\n", start, true)
        local last = stop or #raw
        local line = raw:sub(start, last):gsub("[\r\n]+$", "")
        tree:add(f.mime_line, range(start - 1, last - start + 1), printable(line))
        start, count = last + 1, count + 1
    end
end

local add_fields

-- Shows one value; returns what the rest of the dissector wants to know of it.
local function add_value(tree, range, raw, id, context)
    local definition = FIELDS[id]
    local kind, key, label = definition[3], definition[1], definition[2]
    local names = context.names
    if names and names[id] then key, label = names[id][1], names[id][2] end
    local field = f[key]
    if kind == "u64" then
        tree:add(field, range)
        return label, tostring(range:uint64())
    elseif kind == "u8" or kind == "u16" or kind == "u32" then
        tree:add(field, range)
        local value = range:uint()
        local shown = HEXADECIMAL[key] and string.format("%0" .. 2 * #raw .. "x", value) or tostring(value)
        local values = VALUES[key]
        if values == CODES then shown = shown .. " " .. code_name(value)
        elseif values and values[value] then shown = shown .. " " .. values[value] end
        return label, shown, value
    elseif kind == "flag" then
        tree:add(field, range)
        return label, raw:byte() == 1 and "yes" or "no", raw:byte()
    elseif kind == "id16" then
        tree:add(field, range, hex(raw))
        return label, hex(raw), hex(raw)
    elseif kind == "octets32" or kind == "token" then
        tree:add(field, range)
        return label, hex(raw), raw
    elseif kind == "mime" then
        add_lines(tree:add(field, range), range, raw)
        return label, #raw .. " octets"
    elseif kind == "octets" then
        tree:add(field, range)
        return label, is_plain(raw) and '"' .. printable(raw) .. '"' or hex(raw:sub(1, 32)), raw
    elseif kind == "identifier" then
        local shown = is_plain(raw) and raw or hex(raw)
        tree:add(field, range, shown)
        return label, printable(shown), raw
    end
    tree:add_packet_field(field, range, ENC_UTF_8)
    -- The two parties can be filtered by the same two names in every record.
    if kind == "address" and field ~= f[definition[1]] then
        tree:add_packet_field(f[definition[1]], range, ENC_UTF_8):set_hidden(true)
    end
    return label, printable(raw), raw
end

-- What is wrong with a field where it stands, apart from its value.
local function place(item, id, context, seen)
    local spec = context.spec
    if not spec then return end
    local is_repeated = spec.repeated and spec.repeated[id]
    if seen[id] and seen[id] > 1 and not is_repeated then
        item:add_proto_expert_info(e.malformed, "Field appears twice")
    elseif seen[id] and seen[id] > 256 then
        item:add_proto_expert_info(e.malformed, "Field appears more than 256 times")
    end
    if not spec.allowed[id] then item:add_proto_expert_info(e.misplaced, "Field has no meaning here, and is ignored") end
end

local function add_unknown(item, subtree, range, id)
    if range then subtree:add(f.unknown, range) end
    if GREASE[id] then
        item:set_text(string.format("GREASE %04X", id))
        item:add_proto_expert_info(e.grease)
    elseif id >= 0x8000 then
        item:set_text(string.format("Unknown critical field %04X", id))
        item:add_proto_expert_info(e.critical)
    else
        item:set_text(string.format("Unknown field %04X", id))
        item:add_proto_expert_info(e.unknown, "Field not known: ignored, and carried onward")
    end
end

-- Shows the fields between `start` and `finish`, both checked to be inside `tvb`. `values` takes what was found.
add_fields = function(tvb, start, finish, tree, context, values)
    local offset, count, seen = start, 0, {}
    while offset < finish do
        count = count + 1
        if count > SHOWN_FIELDS then
            tree:add(f.payload, tvb(offset, finish - offset))
                :add_proto_expert_info(e.malformed, "Too many fields; the rest is not shown")
            return
        end
        if finish - offset < 6 then
            tree:add(f.payload, tvb(offset, finish - offset)):add_proto_expert_info(e.malformed, "Field ends in its header")
            return
        end
        local id, length = tvb(offset, 2):uint(), tvb(offset + 2, 4):uint()
        if length > finish - offset - 6 then
            local item = tree:add(f.field, tvb(offset, finish - offset))
            item:set_text(string.format("Field %04X", id))
            item:add(f.field_id, tvb(offset, 2))
            item:add(f.field_length, tvb(offset + 2, 4))
            item:add_proto_expert_info(e.malformed, "Field overruns its parent")
            return
        end
        local item = tree:add(f.field, tvb(offset, 6 + length))
        item:add(f.field_id, tvb(offset, 2))
        item:add(f.field_length, tvb(offset + 2, 4))
        local range = length > 0 and tvb(offset + 6, length) or nil
        local raw = range and range:raw() or ""
        local definition = FIELDS[id]
        seen[id] = (seen[id] or 0) + 1
        if not definition then
            add_unknown(item, item, range, id)
        else
            local checked = definition
            if id == 0x0121 then
                local limit, may_be_empty = text_rule(context.record, context.is_answer, context.parent)
                checked = { definition[1], definition[2], definition[3], limit, may_be_empty }
            end
            local reason = fault(checked, raw, (id == 0x0100 or id == 0x0101) and context.record or nil)
            if reason then
                if range then item:add(f.wrong, range) end
                item:set_text(definition[2] .. ": malformed")
                item:add_proto_expert_info(e.malformed, definition[2] .. ": " .. reason)
            elseif definition[3] == "nested" then
                item:set_text(definition[2])
                local inner = range and item:add(f[definition[1]], range) or item
                local found = {}
                add_fields(tvb, offset + 6, offset + 6 + length, inner, {
                    spec = NESTED[id], record = context.record, is_answer = context.is_answer, parent = id,
                }, found)
                local name = found[0x0112] or found[0x0121] or found[0x018A] or found[0x018D]
                if found[0x018A] then name = found[0x018A] end
                if name then item:append_text(": " .. printable(tostring(name))) end
            else
                if range then
                    local label, shown, value = add_value(item, range, raw, id, context)
                    item:set_text(label .. ": " .. shown)
                    if values[id] == nil then values[id] = value or shown end
                else
                    item:set_text(definition[2] .. ": empty")
                end
                if SECRETS[id] then item:add_proto_expert_info(e.secret) end
                if id == 0x0008 and GREASE[values[id] or 0] then item:add_proto_expert_info(e.grease) end
            end
            place(item, id, context, seen)
        end
        offset = offset + 6 + length
    end
    for _, id in ipairs(context.spec and context.spec.required or {}) do
        if not seen[id] then
            tree:add_proto_expert_info(e.malformed, string.format("Field %s (%04X) is missing", FIELD_NAMES[id], id))
        end
    end
end

-- What may stand in a record: its own fields, and those that every request or answer may hold.
local SPECS, ANSWER_SPECS = {}, {}
local function allowed(...)
    local result = {}
    for _, part in ipairs({ ... }) do
        for key, value in pairs(part) do result[value == true and key or value] = true end
    end
    return result
end
for number, record in pairs(RECORDS) do
    local extra = record.kind == "request" and ANY_REQUEST or {}
    SPECS[number] = {
        required = record.required, repeated = record.repeated, allowed = allowed(record.required, record.optional, extra),
    }
    ANSWER_SPECS[number] = {
        required = ANSWER.required, repeated = ANSWER.repeated,
        allowed = allowed(ANSWER.required, ANSWER.optional, record.answers or {}),
    }
end
for _, spec in pairs(NESTED) do spec.allowed = allowed(spec.required, spec.optional) end
local OTHER_ANSWER = { required = ANSWER.required, repeated = ANSWER.repeated, allowed = allowed(ANSWER.required, ANSWER.optional) }

-- Records -----------------------------------------------------------------------------------------------------------

-- Joins a request and its answer. IMX-1 §5.1, §5.2: by tag and type, in the two directions of one connection.
local function match(stream, direction, pinfo, header, item, values)
    local frame = pinfo.number
    if header.is_request then
        local key = string.format("%s %x %x", direction.name, header.type, header.tag)
        local place_key = frame .. " " .. key
        local entry = stream.requests[place_key]
        if not entry then
            if pinfo.visited then return end
            local earlier = stream.pending[key]
            entry = { frame = frame, time = pinfo.rel_ts, is_reused = earlier ~= nil, trace = values[0x0180] }
            stream.requests[place_key], stream.pending[key] = entry, entry
        end
        if header.tag == 0 or header.tag == 0xFFFFFFFF then
            item:add_proto_expert_info(e.malformed, "This tag is reserved")
        elseif entry.is_reused then
            item:add_proto_expert_info(e.sequence, "The tag is still in flight")
        end
        if entry.answer then item:add(f.response_in, entry.answer):set_generated() end
        return
    end
    local key = string.format("%s %x %x", direction.peer, header.type, header.tag)
    local place_key = frame .. " " .. key
    local entry = stream.answers[place_key]
    if entry == nil then
        if pinfo.visited then return end
        entry = stream.pending[key] or false
        stream.answers[place_key], stream.pending[key] = entry, nil
        if entry then entry.answer = frame end
    end
    if entry then
        item:add(f.request_in, entry.frame):set_generated()
        local time = math.max(0, pinfo.rel_ts - entry.time)
        item:add(f.time, NSTime.new(math.floor(time), math.floor((time % 1) * 1e9 + 0.5) % 1000000000)):set_generated()
        if entry.trace then item:add(f.request_trace, entry.trace):set_generated() end
    elseif stream.is_whole then
        item:add_proto_expert_info(e.sequence, "Answers no request that is in flight")
    end
end

-- CLAIM and VERIFY of one dial-back stand on two connections; the token joins them.
local function match_claim(pinfo, header, tree, values)
    local token = values[0x0022]
    if not token or header.is_answer then return end
    if header.type == 0x0010 then
        if not pinfo.visited and not claims[token] then claims[token] = pinfo.number end
        if verifies[token] then tree:add(f.verify_in, verifies[token]):set_generated() end
    elseif header.type == 0x0011 then
        if not pinfo.visited and not verifies[token] then verifies[token] = pinfo.number end
        if claims[token] then tree:add(f.claim_in, claims[token]):set_generated() end
    end
end

local function check_order(stream, direction, pinfo, header, item)
    local is_hello = header.type == 0x0001
    if not pinfo.visited then
        if direction.first == nil then direction.first = { frame = pinfo.number, type = header.type } end
        if is_hello and not direction.hello then direction.hello = pinfo.number end
    end
    if not stream.is_whole then return end
    local first = direction.first
    if first and first.frame == pinfo.number and first.type == header.type and not is_hello and header.type ~= 0x0002 then
        item:add_proto_expert_info(e.sequence, "The first record is neither HELLO nor CLOSE")
    end
    if is_hello and direction.hello and direction.hello ~= pinfo.number then
        item:add_proto_expert_info(e.sequence, "Second HELLO")
    end
end

-- One line about a record, for the tree and the column.
local function summary(header, values)
    local text = type_name(header.type)
    if header.is_answer then
        local code = values[0x0120]
        text = text .. " answer" .. (code and string.format(" %d %s", code, code_name(code)) or "")
    elseif header.type == 0x0002 then
        text = text .. (values[0x0009] == 0xFFFFFFFF and " first" or " last")
        if values[0x0120] then text = text .. " " .. values[0x0120] end
    end
    local left = values[0x0100] or values[0x0020]
    local right = values[0x0101] or values[0x0021]
    if left and right then text = text .. string.format(" %s > %s", printable(left), printable(right))
    elseif values[0x0011] then text = text .. " to " .. printable(values[0x0011])
    elseif left or right then text = text .. " " .. printable(left or right) end
    if header.is_request or header.is_answer then text = text .. string.format(" [%x]", header.tag) end
    return text
end

local function add_header(tvb, offset, tree)
    tree:add(f.length, tvb(offset, 4))
    tree:add(f.type, tvb(offset + 4, 2))
    local flags = tree:add(f.flags, tvb(offset + 6, 1))
    flags:add(f.request, tvb(offset + 6, 1))
    flags:add(f.response, tvb(offset + 6, 1))
    flags:add(f.retry, tvb(offset + 6, 1))
    if tvb(offset + 6, 1):bitfield(0, 4) ~= 0 or tvb(offset + 6, 1):bitfield(5, 1) ~= 0 then
        flags:add(f.other_flags, tvb(offset + 6, 1)):add_proto_expert_info(e.unknown, "Flags not known: ignored")
    end
    tree:add(f.reserved, tvb(offset + 7, 1))
    tree:add(f.tag, tvb(offset + 8, 4))
end

-- The kind of record against its flags: IMX-1 §3.1, §11.
local function check_flags(header, record, item)
    if header.is_both then
        item:add_proto_expert_info(e.malformed, "Both REQ and RSP: passed over")
    elseif record and record.kind == "request" and not header.is_request and not header.is_answer then
        item:add_proto_expert_info(e.malformed, "A request without REQ: ignored")
    elseif record and record.kind == "notice" and header.is_request then
        item:add_proto_expert_info(e.malformed, "Must not be a request: answered 5001")
    elseif record and record.kind == "notice" and header.is_answer then
        item:add_proto_expert_info(e.malformed, "An answer to something that is no request")
    end
end

-- Shows the record at `offset`; `stop` is where its octets end here.
local function add_record(tvb, offset, stop, pinfo, tree, stream, direction)
    local flags = tvb(offset + 6, 1)
    local header = {
        length = tvb(offset, 4):uint(), type = tvb(offset + 4, 2):uint(), tag = tvb(offset + 8, 4):uint(),
        is_request = flags:bitfield(7, 1) == 1, is_answer = flags:bitfield(6, 1) == 1,
    }
    header.is_both = header.is_request and header.is_answer
    local item = tree:add(f.record, tvb(offset, stop - offset))
    add_header(tvb, offset, item)
    local record = RECORDS[header.type]
    local start, finish = offset + HEADER, offset + HEADER + header.length
    local values = {}
    if finish > stop then
        item:add_proto_expert_info(e.cut, "The record is not whole here")
        if stop > start then item:add(f.payload, tvb(start, stop - start)) end
    elseif header.is_answer and not header.is_both then
        local spec = ANSWER_SPECS[header.type] or OTHER_ANSWER
        add_fields(tvb, start, finish, item, {
            spec = spec, record = record, is_answer = true, names = record and record.answer_names,
        }, values)
    elseif record then
        add_fields(tvb, start, finish, item, { spec = SPECS[header.type], record = record, names = record.names }, values)
    elseif finish > start then
        item:add(f.payload, tvb(start, finish - start))
    end
    item:set_text(summary(header, values))
    if GREASE[header.type] then
        item:add_proto_expert_info(e.grease)
    elseif not record then
        item:add_proto_expert_info(e.unknown, header.is_request and "Record not known: answered 5008" or "Record not known: passed over")
    end
    check_flags(header, record, item)
    if header.is_answer and values[0x0120] and values[0x0120] >= 4000 then
        item:add_proto_expert_info(e.refused, string.format("%d %s", values[0x0120], code_name(values[0x0120])))
    end
    if header.type == 0x0001 and values[0x0001] and values[0x0002] and values[0x0001] > values[0x0002] then
        item:add_proto_expert_info(e.malformed, "version-max is below version-min")
    end
    if header.type == 0x0001 and stop >= finish then
        item:add(f.dialler, values[0x0011] ~= nil):set_generated()
    end
    check_order(stream, direction, pinfo, header, item)
    if (header.is_request or header.is_answer) and not header.is_both then
        match(stream, direction, pinfo, header, item, values)
    end
    match_claim(pinfo, header, item, values)
    return summary(header, values)
end

-- Connections -------------------------------------------------------------------------------------------------------

-- Whether what there is begins like a preface; one octet is not enough to tell.
local function begins_with_preface(tvb)
    local count = math.min(tvb:len(), #PREFACE)
    return count >= 4 and tvb(0, count):raw() == PREFACE:sub(1, count)
end

local function connection_key(pinfo)
    local name = string.format("%s %d", tostring(pinfo.src), pinfo.src_port)
    local peer = string.format("%s %d", tostring(pinfo.dst), pinfo.dst_port)
    return name < peer and name .. " " .. peer or peer .. " " .. name, name, peer
end

-- What is known of the connection that the frame belongs to, and of the direction in which it goes. The number that
-- Wireshark gives a TCP stream cannot be had here in a first pass, so addresses and ports are the key; where they are
-- used again, a second preface tells the connections apart.
local function connection(tvb, pinfo)
    local known = frames[pinfo.number]
    if known then return known.stream, known.direction, known.key end
    local key, name, peer = connection_key(pinfo)
    local stream = streams[key]
    local has_preface = begins_with_preface(tvb)
    if not stream or (has_preface and stream.directions[name] and stream.directions[name].has_begun) then
        stream = { pending = {}, requests = {}, answers = {}, directions = {}, is_whole = false }
        streams[key] = stream
    end
    local direction = stream.directions[name]
    if not direction then
        direction = { name = name, peer = peer }
        stream.directions[name] = direction
    end
    if direction.is_foreign == nil then
        -- An end that began with something else goes on like that: the other end's preface brought it here.
        local count = math.min(tvb:len(), 4)
        direction.is_foreign = stream.is_whole and tvb(0, count):raw() ~= PREFACE:sub(1, count)
    end
    if has_preface then direction.has_begun, stream.is_whole = true, true end
    frames[pinfo.number] = { stream = stream, direction = direction, key = key }
    return stream, direction, key
end

-- How many octets the next piece has; nil where that cannot be told yet, 0 where it can be no piece of IMX/1.
local function size_of_next(tvb, offset, rest)
    if rest >= 4 and tvb(offset, 4):raw() == PREFACE:sub(1, 4) then return #PREFACE end
    if rest < HEADER then return nil end
    local length = tvb(offset, 4):uint()
    return length <= LARGEST and HEADER + length or 0
end

-- TLS joins nothing for a heuristic dissector, which this one is there without ALPN: what is left of a record is kept,
-- and stands in front of what comes next.
local function join(tvb, pinfo, direction)
    local raw = tvb:raw()
    local id = pinfo.number .. " " .. raw
    if joined[id] == nil then
        joined[id] = pinfo.visited and "" or direction.rest or ""
        direction.rest = nil
    end
    if joined[id] == "" then return tvb end
    return ByteArray.new(joined[id] .. raw, true):tvb("IMX/1 of several TLS records")
end

local function dissect(tvb, pinfo, tree)
    local stream, direction, key = connection(tvb, pinfo)
    local joins = inside_tls[key] and pinfo.can_desegment == 0 and tvb:len() == tvb:reported_len()
    if joins then tvb = join(tvb, pinfo, direction) end
    local captured = tvb:len()
    local is_cut = captured < tvb:reported_len()
    local first = size_of_next(tvb, 0, captured)
    if not direction.is_foreign and not is_cut and pinfo.can_desegment > 0 and (not first or first > captured) then
        -- Nothing to show yet.
        pinfo.desegment_offset = 0
        pinfo.desegment_len = first and first - captured or DESEGMENT_ONE_MORE_SEGMENT
        return captured
    end
    pinfo.cols.protocol = "IMX"
    local root = tree:add(imx, tvb())
    local lines = {}
    local offset = 0
    if direction.is_foreign then
        root:add(f.data, tvb()):add_proto_expert_info(e.foreign)
        pinfo.cols.info = "not IMX/1: " .. printable(tvb(0, math.min(captured, 60)):raw())
        return captured
    end
    while offset < captured do
        local rest = captured - offset
        local size = size_of_next(tvb, offset, rest)
        if size == 0 then
            root:add(f.data, tvb(offset, rest)):add_proto_expert_info(e.malformed, "Longer than any record may be")
            lines[#lines + 1] = "malformed"
            break
        end
        if not size or size > rest then
            if not is_cut and pinfo.can_desegment > 0 then
                pinfo.desegment_offset = offset
                pinfo.desegment_len = size and size - rest or DESEGMENT_ONE_MORE_SEGMENT
                break
            end
            if joins and rest <= JOINED_OCTETS then
                root:add(f.data, tvb(offset, rest)):set_text("A record that goes on in the next TLS record")
                if not pinfo.visited then direction.rest = tvb(offset, rest):raw() end
                break
            end
            if rest < HEADER then
                root:add(f.data, tvb(offset, rest)):add_proto_expert_info(e.cut)
                break
            end
            size = rest
        end
        if size == #PREFACE then
            local item = root:add(f.preface, tvb(offset, size))
            if tvb(offset, size):raw() ~= PREFACE then
                item:add_proto_expert_info(e.malformed, "Preface changed on its way: does something rewrite line ends?")
            end
            lines[#lines + 1] = "preface"
        else
            lines[#lines + 1] = add_record(tvb, offset, offset + size, pinfo, root, stream, direction)
        end
        offset = offset + size
    end
    if #lines > 0 then
        local shown = table.concat(lines, "; ", 1, math.min(#lines, 8)) .. (#lines > 8 and "; ..." or "")
        pinfo.cols.info = shown
        root:append_text(", " .. shown)
    end
    return captured
end

function imx.dissector(tvb, pinfo, tree)
    if tvb:len() == 0 then return 0 end
    return dissect(tvb, pinfo, tree)
end

-- The preface tells the protocol apart on any port, in TCP and inside TLS: IMX-1 §2.2.
imx:register_heuristic("tcp", function(tvb, pinfo, tree)
    if not begins_with_preface(tvb) then return false end
    pinfo.conversation = imx
    imx.dissector(tvb, pinfo, tree)
    return true
end)

-- The conversation belongs to TLS, which asks again for each of its records.
imx:register_heuristic("tls", function(tvb, pinfo, tree)
    local key = connection_key(pinfo)
    if not begins_with_preface(tvb) and not inside_tls[key] then return false end
    inside_tls[key] = true
    imx.dissector(tvb, pinfo, tree)
    return true
end)

DissectorTable.get("tcp.port"):add_for_decode_as(imx)
pcall(function() DissectorTable.get("tls.port"):add_for_decode_as(imx) end)
pcall(function() DissectorTable.get("tls.alpn"):add("imx/1", imx) end)
