---@meta
--- Types of the C module `lunapod.core`: what the bindings offer to scripts/lunapod, and to hosts that want the engine
--- bare. Nothing here waits but `engine:step(seconds)`. Misuse (a wrong type, an unknown option, an object of another
--- kind) raises with position; what can fail in earnest, and any call on a closed object, answers `nil, err` (an error
--- object: lunapod.core.error). Calls that have nothing else to say answer true. Times are seconds.

---@class lunapod.core
---@field null lightuserdata    JSON null; the same value as cjson.null
---@field version string
---@field abi integer
local core = {}

--- Marks: the same metatables on every decoded list and map; `{}` unmarked is a map unless the encoder is told
--- otherwise. A table that has a metatable of its own cannot be marked.
---@param t? table
---@return table t with the list mark
function core.array(t) end
---@param t? table
---@return table t with the map mark
function core.object(t) end
--- "array", "object" or nil: the mark of a table, ours or any other metatable with __jsontype.
---@return string?
function core.mark(t) end

---@class lunapod.core.error            an error object: metatable with __tostring (the message)
---@field kind "api"|"task"|"usage"|"cancelled"|"parse"|"io"
---@field rc string                     "CONNECT", "API", "CUT" …: lpod_rc without its prefix
---@field class string?                 ERR-2
---@field reason string?
---@field code integer?                 HTTP status
---@field message string
---@field retryable boolean
---@field retry_after number?

--- Make an error object of a table with at least kind and message: adds the metatable.
---@return lunapod.core.error
function core.error(fields) end
---@return boolean
function core.is_error(value) end

---@class lunapod.core.encode_options
---@field indent? integer               JSON alone: spaces a level; 0, the default: one line
---@field lists? table<string, any>     names of fields under which an empty table without a mark is a list

--- JSON and YAML. decode: top-level null is core.null; an integer beyond ±2^53 is an error on Luas that have only
--- doubles. encode: keys of a map in sorted order; integers stay integers, floats stay floats (3.0); where Lua has
--- only doubles, whole numbers within ±2^53 are integers. What JSON cannot say (functions, NaN, text that is not
--- UTF-8, cycles, lists with holes, mixed keys) is an error of kind "usage" with its path: "spec.containers[1].env:
--- …".
core.json = {}
---@return any?, lunapod.core.error?
function core.json.decode(text) end
---@param options? lunapod.core.encode_options
---@return string?, lunapod.core.error?
function core.json.encode(value, options) end
core.yaml = {}
--- A list of all documents; name is for errors.
---@return any[]?, lunapod.core.error?
function core.yaml.decode(text, name) end
---@param options? lunapod.core.encode_options
---@return string?, lunapod.core.error?
function core.yaml.encode(value, options) end

---@param algorithm "sha256"|"md5"
---@return string? hex, lunapod.core.error?
function core.digest(algorithm, text) end
---@param count integer 1 to 1024
---@return string? text characters of a-z0-9
---@return lunapod.core.error?
function core.random(count) end
--- RFC 3339 text → seconds since 1970, nil if it is not one.
---@return number?
function core.parse_time(text) end
--- And back. digits of fraction: 0 cuts; 6 (default) and 9 round.
---@return string
function core.format_time(seconds, digits) end
---@return number wall-clock seconds since 1970
function core.time() end
---@param fd integer 0, 1 or 2
---@return boolean is it a terminal
function core.isatty(fd) end
---@param fd integer 0, 1 or 2
---@return integer? columns of the terminal at fd
function core.columns(fd) end
--- Write all of text to descriptor 1 or 2 at once, past Lua's buffers; `nil, err` when it cannot, never a SIGPIPE.
---@return boolean?, lunapod.core.error?
function core.write(fd, text) end
--- May this coroutine yield here? Never on the main thread, nor in a callback of gsub, table.sort and the like; on Lua
--- 5.1 not inside pcall, metamethods and iterators either (a metamethod that takes no argument or leaves by a tail call
--- is not recognised there).
---@return boolean
function core.can_yield() end

---@class lunapod.core.engine_options
---@field instance? string
---@field state? string                 state folder; "": none
---@field engine? lightuserdata         borrow a C host's lpod_engine …
---@field abi? integer                  … whose lpod_abi() this is; refused unless equal to core.abi

---@class lunapod.core.engine
local engine = {}
---@param options? lunapod.core.engine_options
---@return lunapod.core.engine?, lunapod.core.error?
function core.engine(options) end
---@return integer
function engine:fd() end
--- Seconds until a step has work, nil: only the descriptor tells.
---@return number?
function engine:timeout() end
--- Do what there is to do, waiting up to `seconds` (nil: without limit; 0: not at all) if there is nothing.
---@return boolean? ok        true; false, "interrupted"; nil, err
---@return any?
function engine:step(seconds) end
function engine:wake() end
--- The next event, or nothing. First two values are always id (0: the whole engine) and kind; then, by kind:
---   timer     -
---   signal    "INT"
---   response  value|nil, err|nil, status|nil, raw text|nil
---   watch     "ADDED"|…, object|nil, err|nil    err: it holds an integer that this Lua cannot
---   open      version
---   output    text, channel ("stdout"|"stderr" | container name), lines|nil
---             lines {{time=, text=}, …} in place of text, if engine:want_lines(id, true)
---   end       err|nil, resource_version (lists, watches) | exit_code (exec; 0 for logs)
---   state     waiting ("scheduled", …)
---   phase     phase ("found" "created" "started" "ended" "result" "cleaned"), err|nil
---   warning   text
---@return integer? id
---@return string? kind
function engine:next_event() end
--- Deliver `output` of this log, exec or run as lines: until it ends, a run is cleaned up, or `yes` is false.
function engine:want_lines(id, yes) end
---@return integer? id, lunapod.core.error?
function engine:timer(seconds) end
function engine:cancel(id) end
--- Read no more of this log, watch, exec or run's log, or (false) go on: what was read still comes.
function engine:hold(id, held) end
---@param names string[] "INT", "TERM", …; {} ends it
function engine:watch_signals(names) end
---@return number
function engine:now() end
---@return string
function engine:id() end
---@return string id
---@return string? warning  why it is not kept: then it is random
function engine:instance() end
---@return boolean|nil alive   nil: not known on this machine
function engine:alive(engine_id) end
--- cqueues' protocol and luasocket's.
function engine:pollfd() end
function engine:events() end
function engine:getfd() end
function engine:dirty() end
--- Closes its clients and runs, too. Nothing is sent: pods live on. A borrowed engine is let go of.
function engine:close() end

---@class lunapod.core.client_options
---@field config_file? string
---@field config? string                kubeconfig as text
---@field context? string
---@field in_cluster? boolean           true: only, false: never
---@field namespace? string
---@field user_agent? string
---@field insecure? boolean             whoever answers is trusted

---@class lunapod.core.client
local client = {}
---@param options? lunapod.core.client_options
---@return lunapod.core.client?, lunapod.core.error?
function engine:client(options) end
---@return string
function client:namespace() end
---@return string
function client:server() end
---@return boolean
function client:in_cluster() end

---@class lunapod.core.request
---@field method? string
---@field path string
---@field query? table                  a map (sent in sorted order) or a list of pairs; values text, number or boolean
---@field body? table|string            a table is sent as JSON, a string as it is
---@field lists? table<string, any>     for a body that is a table: see lunapod.core.encode_options
---@field content_type? string
---@field timeout? number
---@field once? boolean
---@field raw? boolean

---@class lunapod.core.watch_request
---@field path string
---@field label_selector? string
---@field field_selector? string
---@field resource_version? string
---@field timeout? number
---@field list_only? boolean

---@class lunapod.core.log_request
---@field namespace? string
---@field pod string
---@field container? string
---@field follow? boolean
---@field previous? boolean
---@field timestamps? boolean
---@field since? number                 seconds since 1970
---@field tail_lines? integer
---@field prefix? string

---@class lunapod.core.exec_request
---@field namespace? string
---@field pod string
---@field container? string
---@field command string[]
---@field stdin? boolean
---@field tty? boolean
---@field timeout? number

--- Each starts something and returns its id (or nil, err); events follow.
---@param options lunapod.core.request
function client:start_request(options) end
---@param options lunapod.core.watch_request
function client:start_watch(options) end
---@param options lunapod.core.log_request
function client:start_logs(options) end
---@param options lunapod.core.exec_request
function client:start_exec(options) end
---@return boolean?, lunapod.core.error?
function client:send(id, data) end
---@return boolean?, lunapod.core.error?
function client:send_eof(id) end
--- Its runs stay.
function client:close() end

---@class lunapod.core.run_options       lpod_run_options by the same names
---@field manifest table
---@field lists? table<string, any>     for the manifest: see lunapod.core.encode_options
---@field exact_name? boolean
---@field attempt? string
---@field find? string
---@field find_run? string
---@field container? string
---@field logs? string[]
---@field log_prefix? boolean
---@field result_from? "none"|"sidecar"|"termination_message"
---@field result_container? string
---@field result_limit? integer
---@field schedule_timeout? number
---@field start_timeout? number
---@field deadline? number
---@field grace? integer                default: the cluster's
---@field on_finish? "delete"|"delete_succeeded"|"delete_active"|"keep"|"abandon"
---@field wait_for_pod? boolean
---@field create_tries? integer
---@field create_wait_min? number
---@field create_wait_max? number
---@field waiting_rules? {reason: string, message?: string, grace?: number, class?: string}[]

--- The waiting rules as shipped (STA-5), a new list: what the option waiting_rules is when it is not given.
---@return {reason: string, message?: string, grace: number, class: string}[]
function core.waiting_rules() end

---@class lunapod.core.run
local run = {}
---@param options lunapod.core.run_options
---@return lunapod.core.run?, lunapod.core.error?
function client:run(options) end
---@return integer
function run:id() end
--- "found" … "cleaned": see lpod_run_advance.
function run:advance(phase) end
---@param grace? integer default: the options'
function run:cancel(grace) end
--- Take up this pod (with uid and resourceVersion) instead of what was found; nil: none. Before "created".
---@param pod? table
function run:adopt(pod) end
function run:detach() end
function run:set_on_finish(on_finish) end
--- lpod_report as a table, same field names (namespace for namespace_); empty texts and unknown times are absent, a
--- container's exit_code is there once it is terminated, its signal when there was one.
---@return table
function run:report() end
--- The pod object as last seen, or nil.
---@return table?, lunapod.core.error?
function run:pod() end
--- The result's bytes, or nil.
---@return string?
function run:result() end
function run:close() end

return core
