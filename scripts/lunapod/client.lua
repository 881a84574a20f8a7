--- A client of one cluster whose calls wait as fibers do.
-- request, list, get, create, patch, delete return the value, or nil and the error; watch, logs and exec return a
-- handle whose next() calls return an item, or nil and the reason ("timeout", "closed", or an error). Kinds are the
-- usual names; a path works, too.

local compat = require "lunapod.compat"
local errors = require "lunapod.errors"
local options = require "lunapod.options"
local stream = require "lunapod.stream"

local Client = {}
Client.__index = Client

-- name → { prefix, plural, namespaced }; singular names and kinds are found without case
local kinds = {}
for prefix, list in pairs {
  ["/api/v1"] = "pods! secrets! configmaps! services! endpoints! events! serviceaccounts! persistentvolumeclaims! "
    .. "resourcequotas! limitranges! nodes namespaces persistentvolumes",
  ["/apis/batch/v1"] = "jobs! cronjobs!",
  ["/apis/apps/v1"] = "deployments! statefulsets! daemonsets! replicasets!",
  ["/apis/scheduling.k8s.io/v1"] = "priorityclasses",
} do
  for plural, mark in list:gmatch("(%a+)(!?)") do
    local kind = { prefix = prefix, plural = plural, namespaced = mark == "!" }
    kinds[plural] = kind
    kinds[plural:gsub("sses$", "ss"):gsub("([^s])s$", "%1")] = kind
  end
end

local function new(instance, core_client, namespace)
  return setmetatable({
    instance = instance, scheduler = instance.scheduler, core = core_client, default_namespace = namespace,
  }, Client)
end

--- The namespace that calls without one go to.
function Client:namespace()
  return self.default_namespace or self.core:namespace()
end

function Client:server() return self.core:server() end

--- Path of a collection: kind is a name such as "pods", or a path that begins with "/".
function Client:path(kind, namespace)
  options.argument(kind, "string", "client: the kind")
  if kind:sub(1, 1) == "/" then return kind end
  local known = kinds[kind:lower()]
  if not known then
    local near = options.nearest(kind, kinds)
    errors.usage("client: unknown kind %q%s; a path such as /apis/<group>/<version>/… works, too", kind,
      near and (" (did you mean %q?)"):format(near) or "")
  end
  if not known.namespaced or namespace == false then return known.prefix .. "/" .. known.plural end
  return ("%s/namespaces/%s/%s"):format(known.prefix, namespace or self:namespace(), known.plural)
end

local function answered(place)
  return place.answered or nil
end

local request_options = {
  method = "string", path = "string", query = "table", body = "any", content_type = "string", timeout = "number",
  once = "boolean", raw = "boolean",
}

--- Any request: {method =, path =, query =, body =, content_type =, timeout =, once =, raw =}. The answer and its HTTP
-- status, or nil, err.
function Client:request(given)
  given = options.check(given, request_options, "client:request")
  if not given.path then errors.usage("client:request: path is missing") end
  local scheduler = self.scheduler
  scheduler:check()
  local id, err = self.core:start_request(given)
  if not id then return nil, err end
  local place = {}
  scheduler:listen(id, function(kind, ...)
    if kind == "response" then
      scheduler:listen(id, nil)
      place.answered = compat.pack(...)
      scheduler:notify(place)
    end
  end)
  local ok, why = scheduler:pcall(scheduler.wait, scheduler, place, answered)
  if not ok then
    scheduler:forget(id)
    error(why, 0)
  end
  local value, failure, status, text = compat.unpack(place.answered, 1, 4)
  if failure then return nil, failure end
  if given.raw then return text, status end
  return value, status
end

local function merged(given, more)
  local query = {}
  for key, value in pairs(given or {}) do query[key] = value end
  for key, value in pairs(more) do query[key] = value end
  return query
end

local call_options = {
  namespace = "string|boolean", label_selector = "string", field_selector = "string", query = "table",
  timeout = "number", limit = "number", uid = "string", grace = "number", propagation = "string", type = "string",
  resource_version = "string", subresource = "string",
}

--- One page of at most `limit` objects, else all of them, page by page: list of objects and the resourceVersion, or
-- nil, err.
function Client:list(kind, given)
  given = options.check(given, call_options, "client:list")
  local path = self:path(kind, given.namespace)
  if given.limit then
    local answer, err = self:request { path = path, timeout = given.timeout, query = merged(given.query, {
      labelSelector = given.label_selector, fieldSelector = given.field_selector, limit = given.limit }) }
    if not answer then return nil, err end
    return answer.items, answer.metadata and answer.metadata.resourceVersion
  end
  local listing, err = stream.new(self, "watch", { path = path, label_selector = given.label_selector,
    field_selector = given.field_selector, timeout = given.timeout, list_only = true })
  if not listing then return nil, err end
  local objects = {}
  while true do
    local item, why = listing:next()
    if not item then
      if why ~= "closed" then return nil, why end
      return objects, listing.ended_with
    end
    if item.object then objects[#objects + 1] = item.object end
  end
end

local function object_path(self, kind, name, given)
  options.argument(name, "string", "client: the name")
  local path = self:path(kind, given.namespace) .. "/" .. name
  return given.subresource and path .. "/" .. given.subresource or path
end

function Client:get(kind, name, given)
  given = options.check(given, call_options, "client:get")
  return self:request { path = object_path(self, kind, name, given), query = given.query, timeout = given.timeout }
end

function Client:create(kind, object, given)
  given = options.check(given, call_options, "client:create")
  options.argument(object, "table", "client:create: the object")
  local namespace = given.namespace
  if namespace == nil then namespace = object.metadata and object.metadata.namespace end
  return self:request {
    method = "POST", path = self:path(kind, namespace), body = object, query = given.query, timeout = given.timeout,
  }
end

local patch_types = {
  merge = "application/merge-patch+json", json = "application/json-patch+json",
  strategic = "application/strategic-merge-patch+json", apply = "application/apply-patch+yaml",
}

--- type: "merge" (default), "json", "strategic", "apply".
function Client:patch(kind, name, body, given)
  given = options.check(given, call_options, "client:patch")
  local content_type = patch_types[given.type or "merge"]
  if not content_type then errors.usage("client:patch: unknown type %q", given.type) end
  return self:request {
    method = "PATCH", path = object_path(self, kind, name, given), body = body, content_type = content_type,
    query = given.query, timeout = given.timeout,
  }
end

--- uid: delete that object only, not another of its name; grace: seconds.
function Client:delete(kind, name, given)
  given = options.check(given, call_options, "client:delete")
  local body = {
    apiVersion = "v1", kind = "DeleteOptions", gracePeriodSeconds = given.grace, propagationPolicy = given.propagation,
  }
  if given.uid then body.preconditions = { uid = given.uid } end
  return self:request {
    method = "DELETE", path = object_path(self, kind, name, given), body = body, query = given.query,
    timeout = given.timeout,
  }
end

local watch_options = {
  kind = "string", path = "string", namespace = "string|boolean", label_selector = "string",
  field_selector = "string", resource_version = "string", timeout = "number",
}

--- Watch a collection: handle:next([s]) gives {type =, object =}, type ADDED, MODIFIED, DELETED, LISTING, LISTED or
-- SYNCED.
function Client:watch(given)
  given = options.check(given, watch_options, "client:watch")
  if not given.path and not given.kind then errors.usage("client:watch: kind or path is missing") end
  return stream.new(self, "watch", {
    path = self:path(given.path or given.kind, given.namespace), label_selector = given.label_selector,
    field_selector = given.field_selector, resource_version = given.resource_version, timeout = given.timeout,
  })
end

local log_options = {
  namespace = "string", pod = "string", container = "string", follow = "boolean", previous = "boolean",
  timestamps = "boolean", since = "number", tail_lines = "number", prefix = "string",
}

--- Read a container's log: handle:next_line([s]) gives a line and its time.
function Client:logs(given)
  given = options.check(given, log_options, "client:logs")
  if not given.pod then errors.usage("client:logs: pod is missing") end
  return stream.new(self, "logs", merged(given, { namespace = given.namespace or self.default_namespace }))
end

local exec_options = {
  namespace = "string", pod = "string", container = "string", command = "table", stdin = "boolean",
  tty = "boolean", timeout = "number",
}

--- Run a command in a container: handle:next([s]) gives {text =, channel = "stdout"|"stderr"}, :send(text),
-- :send_eof(), :wait([s]) its exit code and what is left of stdout and stderr.
function Client:exec(given)
  given = options.check(given, exec_options, "client:exec")
  if not given.pod or not given.command then errors.usage("client:exec: pod and command are needed") end
  return stream.new(self, "exec", merged(given, { namespace = given.namespace or self.default_namespace }))
end

return { new = new }
