-- Acceptance cases, or parts of one, that a real cluster cannot be made to show: why, and where they are tested. A case
-- that has a test on the cluster as well shows the rest of itself there.
return {
  O35 = { "the sequence in polling mode: lunapod waits on its watch and has no such mode",
    "tests/core/pod/check_start.c" },
  O36 = { "'pull QPS exceeded' and a bare back-off are the kubelet's own words at moments that nobody chooses",
    "tests/core/pod/check_start.c (waiting_reasons_STA_5_O36)" },
  O40 = { "how a stream is cut into chunks is the server's business",
    "tests/core/kube/check_log_parser.c (any_split_gives_the_same_lines_X07)" },
  O41 = { "a real kubelet stamps every line, so that there are no continuation lines",
    "tests/core/kube/check_log_parser.c (lines_without_stamp_are_kept_over_a_resume_L10)" },
  O42 = { "a whole window of silence is longer than a test may last; the cluster shows a short one. A stream that ends "
      .. "while the container runs is resumed",
    "tests/core/pod/check_follow.c (logs_resume_while_the_container_runs_L7)" },
  O53 = { "the audit log has no bodies: the cluster shows what the patch changed, not its text",
    "tests/scripts/operator_spec.lua" },
  O57 = { "402, and a 500 that lasts, need a server that lies",
    "tests/core/kube/check_client.c (RT1_final_answers_are_not), tests/core/kube/check_retry.c" },
}
