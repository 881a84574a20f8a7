/* Every ceiling of the project, in one table: a buffer without an entry here is a defect. Bytes unless said. */
#ifndef LPOD_BASE_LIMITS_H
#define LPOD_BASE_LIMITS_H

#define LPOD_KIB 1024u
#define LPOD_MIB (1024u * 1024u)

/* data */
#define LPOD_LIMIT_JSON_DEPTH 1000u       /* nesting of JSON (T9) */
#define LPOD_LIMIT_DOC (64u * LPOD_MIB)   /* arena of one document unless its reader says less */
#define LPOD_LIMIT_TEXT (256u * LPOD_MIB) /* JSON or YAML written from one value */
#define LPOD_LIMIT_YAML_BYTES LPOD_MIB    /* one YAML stream (K26) */
#define LPOD_LIMIT_YAML_DEPTH 100u        /* nesting of YAML (K26) */
#define LPOD_LIMIT_YAML_ALIASES 1000u     /* nodes that aliases may add (K26) */

/* net */
#define LPOD_LIMIT_HEADERS (64u * LPOD_KIB) /* response headers of one answer (T9) */
#define LPOD_LIMIT_BODY (8u * LPOD_MIB)     /* buffered body of an ordinary answer (T9) */
#define LPOD_LIMIT_ERROR_BODY (64u * LPOD_KIB)
#define LPOD_LIMIT_REQUEST (3u * LPOD_MIB)      /* request body (R10) */
#define LPOD_LIMIT_CALLS 64u                    /* ordinary calls in flight of a cluster (T10) */
#define LPOD_LIMIT_STREAMS 100u                 /* HTTP/2 streams of one connection (M1) */
#define LPOD_LIMIT_WS_MESSAGE (4u * LPOD_MIB)   /* one WebSocket message */
#define LPOD_LIMIT_WS_OUT (1u * LPOD_MIB)       /* WebSocket bytes waiting to be sent */
#define LPOD_LIMIT_CHILD_OUTPUT (1u * LPOD_MIB) /* stdout of a credential plugin */
#define LPOD_LIMIT_CHILD_ERROR (16u * LPOD_KIB) /* stderr kept of a child */

/* kube */
#define LPOD_LIMIT_CONFIG_FILE LPOD_MIB         /* kubeconfig, certificate, token file */
#define LPOD_LIMIT_EVENT (4u * LPOD_MIB)        /* one watch event (T9, W16) */
#define LPOD_LIMIT_LIST_ITEM (4u * LPOD_MIB)    /* one object of a list */
#define LPOD_LIMIT_LOG_LINE (1u * LPOD_MIB)     /* one log line; a longer one is cut and flagged */
#define LPOD_LIMIT_LOG_STREAM (256u * LPOD_KIB) /* unread bytes of one log stream (M2) */
#define LPOD_LIMIT_LOG_ENGINE (16u * LPOD_MIB)  /* unread log bytes of one engine (M2) */
#define LPOD_LIMIT_RESULT (64u * LPOD_MIB)      /* a task's result (RES-5) */
#define LPOD_LIMIT_STATUS_TEXT 2048u            /* text kept of an answer that is no Status (E2) */

#endif
