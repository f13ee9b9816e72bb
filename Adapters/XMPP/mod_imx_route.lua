-- SPDX-License-Identifier: Apache-2.0
-- Foreign domains by way of the IMX Aggregator, which is an external component of this server.
--
--   imx_route_component = "imx.a.example"
--   imx_route_domains = { "b.example", "*.c.example" }   -- or { "*" }: every domain that is not served here
--
-- Load it on every VirtualHost whose users are to reach those domains. What they send there goes to the component.
-- What the component sends may come from those domains and from its own, and from nowhere else; the component
-- itself needs validate_from_addresses = false. Nothing goes through s2s, so certificates and DNS play no part.
local jid_host = require "util.jid".host;
local st = require "util.stanza";

local component_host = module:get_option_string("imx_route_component");
local every, exact, suffixes = false, {}, {};
for domain in module:get_option_set("imx_route_domains", {}) do
	if domain == "*" then
		every = true;
	elseif domain:sub(1, 2) == "*." then
		suffixes[#suffixes + 1] = domain:sub(2);
	else
		exact[domain] = true;
	end
end

local function is_foreign(domain)
	if not domain or prosody.hosts[domain] then return false; end
	if every or exact[domain] then return true; end
	for _, suffix in ipairs(suffixes) do
		if domain:sub(-#suffix) == suffix then return true; end
	end
	return false;
end

local function component_session()
	local host = prosody.hosts[component_host];
	local component = host and host.modules and host.modules.component;
	return component and component.session;
end

-- From users here to the component. Before mod_s2s, which would go out and look for the domain.
module:hook("route/remote", function (event)
	if not is_foreign(event.to_host) then return; end
	local stanza, session = event.stanza, component_session();
	if session then
		session.send(stanza);
	elseif stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		module:log("warn", "%s is not connected, returning an error", component_host);
		event.origin.send(st.error_reply(stanza, "wait", "remote-server-timeout", "The IMX aggregator is not connected"));
	end
	return true;
end, 100);

-- From the component to users here: only who may stand behind it.
local function check_sender(event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "component" or origin.host ~= component_host then return; end
	local from = jid_host(stanza.attr.from);
	if from == component_host or is_foreign(from) then return; end
	module:log("warn", "%s sent a stanza from %s, which is not behind it", component_host, tostring(from));
	if stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		origin.send(st.error_reply(stanza, "auth", "not-authorized", "The sender's domain is not routed to this component"));
	end
	return true;
end

for _, kind in ipairs { "message", "iq", "presence" } do
	for _, target in ipairs { "bare", "full", "host" } do
		module:hook(kind .. "/" .. target, check_sender, 1000);
	end
end
