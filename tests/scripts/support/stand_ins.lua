--- Small stand-ins for the modules that build manifests, so that specs of running tasks do not depend on them.
-- A spec that is about manifests uses the real ones.

return function()
  local core = require "lunapod.core"
  local known = {}
  for name in ([[
    task_id image cmds arguments env_vars namespace name labels params do_xcom_push retries retry retry_delay
    retry_exponential_backoff max_retry_delay infra_retries execution_timeout skip_on_exit_code
    termination_grace_period on_finish_action on_kill_action log_events_on_failure progress_callback
    log_formatter container_name_log_prefix_enabled kubernetes_conn_id in_cluster config_file cluster_context
    reattach_on_restart get_logs
  ]]):gmatch("%S+") do known[name] = true end

  package.loaded["lunapod.parameters"] = {
    fields = { "image", "arguments" },
    is_name = function(name) return known[name] or false end,
    define = function(given)
      local out = {}
      for name, value in pairs(given) do
        if not known[name] then require("lunapod.errors").usage('unknown parameter "%s"', tostring(name)) end
        out[name] = value
      end
      return out
    end,
  }
  package.loaded["lunapod.context"] = {
    new = function(op, call, instance)
      local params = {}
      for _, layer in ipairs { op.params or {}, instance.params, call.params or {} } do
        for key, value in pairs(layer) do params[key] = value end
      end
      return { dag_id = call.dag_id or instance.dag_id, task_id = op.task_id, run_id = call.run_id,
        map_index = call.map_index,
        call = call.call, try_number = call.try_number or 1, params = params }
    end,
  }
  package.loaded["lunapod.manifest"] = {
    build = function(op, context)
      return { apiVersion = "v1", kind = "Pod", metadata = { name = op.task_id, namespace = op.namespace,
        labels = context and {
        task_id = op.task_id, map_index = context.map_index and tostring(context.map_index),
          lunapod_call = context.call } },
        spec = { containers = { { name = "base", image = op.image, args = op.arguments } } } }
    end,
    run_options = function(op, pod, context)
      return { manifest = pod, attempt = context and tostring(context.try_number), grace = op.termination_grace_period,
        on_finish = op.on_finish_action == "keep_pod" and "keep" or "delete", op = op, context = context,
          log_prefix = true }
    end,
  }
  package.loaded["lunapod.naming"] = {
    label_value = function(text) return text end,
    identity = function() return { task_id = "", map_index = "", lunapod_call = "" } end,
  }
  return core
end
