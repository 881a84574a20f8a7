--- The wanted differences between the peer's manifests and ours, for oracle_spec.lua: by case, the rule that wants them
-- and each line by which the pods differ. A case that differs otherwise, or no longer, fails.
return {
  ["namespace-of-old-connection-key"] = {
    rule = "ACC-4: a connection is a Lua table, its keys have no prefix",
    'metadata.namespace: "from-old-key", ours "default"',
  },
  ["namespace-of-kubeconfig-context"] = {
    rule = [[PAR-namespace: the context's own namespace comes before "default"]],
    'metadata.namespace: "default", ours "from-kubeconfig"',
  },
  ["pull-secrets-string-two"] = {
    rule = "PAR-image_pull_secrets: trimmed, empties dropped",
    'spec.imagePullSecrets[2].name: " two", ours "two"',
    'spec.imagePullSecrets[3].name: "", ours "three"',
    'spec.imagePullSecrets[4]: {"name":"three"}, ours nothing',
  },
  ["name-03-suffix"] = {
    rule = "NAM-2: a run of dots is one dash",
    "an error, ours a pod",
  },
  ["name-05"] = {
    rule = "S03: a name the cluster would refuse is refused before it is sent",
    [[a pod, ours an error: the pod's name "-x-", of the parameter "name": expected lower-case letters, ]]
      .. 'digits, "-" and ".", with a letter or digit at both ends',
  },
  ["name-11"] = {
    rule = "NAM-1: ASCII letters only",
    'a pod, ours an error: parameter "name": "tâche": expected letters, digits, "_", "." and "-"',
  },
  ["name-11-suffix"] = {
    rule = "NAM-1: ASCII letters only",
    'a pod, ours an error: parameter "name": "tâche": expected letters, digits, "_", "." and "-"',
  },
  ["name-15"] = {
    rule = "S03: as name-05",
    [[a pod, ours an error: the pod's name "---", of the parameter "name": expected lower-case letters, ]]
      .. 'digits, "-" and ".", with a letter or digit at both ends',
  },
  ["name-of-full-spec-odd-suffix"] = {
    rule = "S03: as name-05, for a name that NAM-3 leaves as it is",
    [[a pod, ours an error: the pod's name "Odd_Name.X", of the template or full spec: expected ]]
      .. 'lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
  },
  ["labels-not-strings"] = {
    rule = "PAR-labels: values are text",
    'metadata.labels.b: true, ours "true"',
    'metadata.labels.f: 1.5, ours "1.5"',
    'metadata.labels.n: 5, ours "5"',
    'selector "b=True,dag_id=dag,f=1.5,kubernetes_pod_operator=True,n=5,'
      .. 'run_id=manual__2016-01-01T0100000100-da4d1ce7b,task_id=task,already_checked!=True,!airflow-worker", '
      .. 'ours "b=true,dag_id=dag,f=1.5,kubernetes_pod_operator=True,n=5,'
      .. 'run_id=manual__2016-01-01T0100000100-da4d1ce7b,task_id=task,already_checked!=True,!airflow-worker"',
  },
  ["labels-illegal"] = {
    rule = "PAR-labels: refused before sending",
    'a pod, ours an error: parameter "labels"["bad"]: expected a value of at most 63 letters, digits, '
      .. '"_", "." and "-", beginning and ending with a letter or digit, got "has space/and slash"',
  },
  ["annotations-not-strings"] = {
    rule = "PAR-annotations: values are text, as those of labels (MRG-12)",
    'metadata.annotations.n: 5, ours "5"',
    'metadata.annotations.none: nothing, ours ""',
  },
  ["identity-07"] = {
    rule = "LBL-11: the digest alone, which is a legal label",
    'metadata.labels.dag_id: "-00110af8b", ours "00110af8b"',
    'selector "dag_id=-00110af8b,kubernetes_pod_operator=True,'
      .. 'run_id=manual__2016-01-01T0100000100-da4d1ce7b,task_id=task,already_checked!=True,!airflow-worker", '
      .. 'ours "dag_id=00110af8b,kubernetes_pod_operator=True,run_id=manual__2016-01-01T0100000100-da4d1ce7b,'
      .. 'task_id=task,already_checked!=True,!airflow-worker"',
  },
  ["identity-08"] = {
    rule = "LBL-11: the digest alone",
    'metadata.labels.run_id: "-9efc314b6", ours "9efc314b6"',
    'selector "dag_id=dag,kubernetes_pod_operator=True,run_id=-9efc314b6,task_id=task,'
      .. 'already_checked!=True,!airflow-worker", ours '
      .. '"dag_id=dag,kubernetes_pod_operator=True,run_id=9efc314b6,task_id=task,already_checked!=True,'
      .. '!airflow-worker"',
  },
  ["env-dict"] = {
    rule = "PAR-env_vars: a map is sorted by name (Lua tables have no order)",
    'spec.containers[1].env[2].name: "b_lower", ours "EMPTY"',
    'spec.containers[1].env[2].value: "x y", ours ""',
    'spec.containers[1].env[3].name: "EMPTY", ours "b_lower"',
    'spec.containers[1].env[3].value: "", ours "x y"',
  },
  ["env-dict-not-strings"] = {
    rule = "PAR-env_vars: null is refused",
    'a pod, ours an error: parameter "env_vars.NONE": expected a text, a number or a boolean, got null',
  },
  ["env-order"] = {
    rule = "PAR-env_vars: a map is sorted by name; a list keeps its order",
    'spec.containers[1].env[1].name: "Z", ours "A"',
    'spec.containers[1].env[1].value: "1", ours "$(Z)"',
    'spec.containers[1].env[2].name: "A", ours "M"',
    'spec.containers[1].env[2].value: "$(Z)", ours "$(A)"',
    'spec.containers[1].env[3].name: "M", ours "Z"',
    'spec.containers[1].env[3].value: "$(A)", ours "1"',
  },
  ["runtime-info-build-twice"] = {
    rule = "BLD-12: built twice it is the same",
    'spec.containers[1].env[3]: {"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}, '
      .. "ours nothing",
  },
  ["runtime-info-map"] = {
    rule = "PAR-pod_runtime_info_envs: a plain table is the API's form",
    "an error, ours a pod",
  },
  ["secret-env-target-no-key"] = {
    rule = "PAR-secrets: neither row of the table, so an error",
    "a pod, ours an error: Secret s: deploy_target is given without key",
  },
  ["secret-same-twice"] = {
    rule = "PAR-secrets-name: equal descriptors, one volume",
    'spec.containers[1].volumeMounts[2]: {"mountPath":"/v","name":"secretvol","readOnly":true}, ours '
      .. "nothing",
    'spec.volumes[2]: {"name":"secretvol","secret":{"secretName":"s"}}, ours nothing',
  },
  ["resources-object"] = {
    rule = "PAR-resources: numbers pass",
    'spec.containers[1].resources.limits.cpu: "0.25", ours 0.25',
  },
  ["ports-map"] = {
    rule = "PAR-ports: a plain table is the API's form",
    "an error, ours a pod",
  },
  ["volumes-duplicate"] = {
    rule = "MRG-9: equal names are an error before sending",
    'a pod, ours an error: spec.volumes: "v" is there twice, as number 1 and 2',
  },
  ["on-finish-and-delete"] = {
    rule = "DEL-2: both given and contradicting is an error",
    'a pod, ours an error: task "task": is_delete_operator_pod = true and on_finish_action = "keep_pod" '
      .. "contradict each other",
  },
  ["template-volume-same-name"] = {
    rule = "MRG-9: equal names are an error before sending",
    'a pod, ours an error: spec.volumes: "data" is there twice, as number 1 and 2',
  },
  ["template-cmds-empty"] = {
    rule = "MRG-12: {} is given, and switches the template's off",
    'spec.containers[1].args: ["echo template"], ours nothing',
    'spec.containers[1].command: ["/bin/sh","-c"], ours nothing',
  },
  ["falsy-all"] = {
    rule = "MRG-12: what is false, 0 or empty is given",
    'spec.affinity: {"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms'
      .. '":[{"matchExpressions":[{"key":"x","operator":"Exists"}]}]}}}, ours nothing',
    'spec.containers[1].image: "main:1", ours ""',
    'spec.containers[1].imagePullPolicy: "Always", ours ""',
    'spec.dnsPolicy: "ClusterFirstWithHostNet", ours ""',
    "spec.hostNetwork: true, ours false",
    'spec.priorityClassName: "template-priority", ours ""',
    'spec.schedulerName: "template-scheduler", ours ""',
    'spec.securityContext: {"fsGroup":2000,"runAsNonRoot":true,"runAsUser":1000}, ours nothing',
    "spec.terminationGracePeriodSeconds: 99, ours 0",
  },
  ["template-sidecar-first"] = {
    rule = "MRG-13: the first becomes the base container; two of one name are an error before sending",
    'a pod, ours an error: spec.containers[1]: the name "base" is taken by spec.containers[0], the '
      .. "task's container",
  },
  ["template-jinja-content"] = {
    rule = "PAR-pod_template_file: the content is rendered, too",
    'metadata.labels.ds: "{{ ds }}", ours "2016-01-01"',
    'spec.containers[1].image: "img:{{ ds_nodash }}", ours "img:20160101"',
  },
  ["template-missing-nameless"] = {
    rule = "PAR-pod_template_file: a missing file is an error",
    'a pod, ours an error: parameter "pod_template_file": tests/data/oracle/not-there.yaml: No such file '
      .. "or directory",
  },
  ["full-template-containers"] = {
    rule = "MRG-6: containers after the first are paired by name",
    'spec.containers[2].image: "f1:2", ours "side:1"',
    'spec.containers[2].name: "f1", ours "side"',
    'spec.containers[3].image: "f2:1", ours "f1:2"',
    'spec.containers[3].name: "f2", ours "f1"',
    'spec.containers[4]: nothing, ours {"image":"f2:1","name":"f2"}',
  },
  ["full-map"] = {
    rule = "PAR-full_pod_spec: a plain table is the API's form",
    "an error, ours a pod",
  },
  ["jinja-cmds-string"] = {
    rule = "PAR-cmds: a text where a list belongs is refused",
    'a pod, ours an error: parameter "cmds": expected a list, got the text "2016-01-01 x"; write { '
      .. '"2016-01-01 x" }',
  },
  ["jinja-env-list"] = {
    rule = "TPL-3: rendered at every depth",
    'spec.containers[1].env[2].valueFrom.fieldRef.fieldPath: "{{ ds }}", ours "2016-01-01"',
  },
  ["jinja-env-dict"] = {
    rule = "PAR-env_vars: a map is sorted by name",
    'spec.containers[1].env[1].name: "bob", ours "PLAIN"',
    'spec.containers[1].env[1].value: "v1", ours "3"',
    'spec.containers[1].env[2].name: "PLAIN", ours "bob"',
    'spec.containers[1].env[2].value: "3", ours "v1"',
  },
  ["jinja-mounts"] = {
    rule = "TPL-3: rendered in every field",
    'spec.containers[1].volumeMounts[1].mountPath: "/{{ ds }}", ours "/2016-01-01"',
  },
  ["jinja-not-rendered"] = {
    rule = "TPL-3: rendered in every field of the manifest that is text",
    'a pod, ours an error: parameter "image_pull_policy": expected "Always", "IfNotPresent" or "Never", '
      .. 'got "2016-01-01"',
  },
  ["jinja-macros"] = {
    rule = "TPL-9: a date is moved by its own methods, date.add(days=1), there is no timedelta",
    "a pod, ours an error: 'macros.timedelta' is undefined",
  },
  ["jinja-native-arguments"] = {
    rule = "TPL-6: members of a list stay text; a text in place of the list gives native values",
    'spec.containers[1].args[1]: 5, ours "5"',
    'spec.containers[1].args[2]: true, ours "True"',
    'spec.containers[1].args[3]: nothing, ours "None"',
    'spec.containers[1].args[4]: [1,2], ours "[1, 2]"',
  },
  ["jinja-null-values"] = {
    rule = "PAR-env_vars: null is refused",
    'a pod, ours an error: parameter "env_vars.N": expected a text, a number or a boolean, got null',
  },
}
