/* What a failed transfer means: which step failed decides whether the server may have acted (CONNECT: nothing was sent;
 * CUT: unknown), and whether trying again may help (TLS verification: no; X12). One line, with host and port and the
 * cause; libcurl's own texts hold addresses, file names and certificate names, never header values. */
#include "http_private.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static lpod_rc fail(lpod_error *err, lpod_rc rc, const char *reason, const char *format, ...) LPOD_PRINTF(4, 5);
static lpod_rc fail(lpod_error *err, lpod_rc rc, const char *reason, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  lpod_fail(err, rc, "%s", text);
  if (!err) return rc;
  snprintf(err->reason, sizeof err->reason, "%s", reason);
  err->retryable = rc == LPOD_E_CONNECT || rc == LPOD_E_CUT || rc == LPOD_E_TIMEOUT;
  return rc;
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

static lpod_rc verification(const lpod_http *http, CURL *easy, const char *message, lpod_error *err) {
  long result = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
  const char *peer = http->peer;
  switch (result) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return fail(err, LPOD_E_TLS, "CertificateExpired", "%s: the server's certificate has expired", peer);
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return fail(err, LPOD_E_TLS, "CertificateNotYetValid",
                "%s: the server's certificate is not yet valid (is this machine's clock right?)", peer);
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    return fail(err, LPOD_E_TLS, "UnknownAuthority",
                "%s: the server's certificate is signed by an unknown authority (%s)", peer,
                X509_verify_cert_error_string(result));
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    return fail(err, LPOD_E_TLS, "NameMismatch", "%s: the server's certificate is not valid for \"%s\"", peer,
                http->verify_host);
  case X509_V_OK: break;
  default:
    return fail(err, LPOD_E_TLS, "CertificateInvalid", "%s: the server's certificate was not accepted: %s", peer,
                X509_verify_cert_error_string(result));
  }
  if (has(message, "subject name"))
    return fail(err, LPOD_E_TLS, "NameMismatch", "%s: the server's certificate is not valid for \"%s\"", peer,
                http->verify_host);
  return fail(err, LPOD_E_TLS, "CertificateInvalid", "%s: the server's certificate was not accepted: %s", peer,
              message);
}

/* An alert about our certificate comes while shaking hands or, with TLS 1.3, with the first read. */
static bool certificate_alert(const char *message) {
  return has(message, "alert") && (has(message, "certificate") || has(message, "unknown ca"));
}

static lpod_rc handshake(const lpod_http *http, CURL *easy, const char *message, lpod_error *err) {
  long verify = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
  if (has(message, "certificate verify failed") && verify) return verification(http, easy, message, err);
  if (has(message, "SSL_ERROR_SYSCALL") || has(message, "Connection reset") || has(message, "unexpected eof"))
    return fail(err, LPOD_E_CONNECT, "ConnectionLost", "%s: connection lost during the TLS handshake", http->peer);
  if (has(message, "unsupported protocol") || has(message, "protocol version"))
    return fail(err, LPOD_E_TLS, "ProtocolVersion", "%s: the server does not speak TLS 1.2 or newer", http->peer);
  if (has(message, "alert handshake failure"))
    return fail(
        err, LPOD_E_TLS, "Handshake",
        "%s: the server refused the TLS handshake: it accepts none of our versions (TLS 1.2 and newer) or ciphers%s",
        http->peer, http->certificate.len ? "" : ", or demands a client certificate");
  if (has(message, "wrong version number") || has(message, "packet length too long"))
    return fail(err, LPOD_E_TLS, "NotTLS", "%s: the server does not speak TLS (is it an http:// server?)", http->peer);
  return fail(err, LPOD_E_TLS, "Handshake", "%s: TLS handshake failed: %s", http->peer, message);
}

static lpod_rc lost(const lpod_http *http, CURL *easy, const char *message, bool sent, lpod_error *err) {
  long connect_code = 0, os_errno = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
  if (certificate_alert(message))
    return fail(err, LPOD_E_TLS, "ClientCertificate",
                "%s: the server refused the client certificate, or demands one: %s", http->peer, message);
  if (connect_code && connect_code != 200)
    return fail(err, LPOD_E_CONNECT, "Proxy", "%s: the proxy answered %ld to CONNECT", http->peer, connect_code);
  const char *cause = os_errno == ECONNRESET || has(message, "reset")      ? "reset by the server"
                      : os_errno == ETIMEDOUT || has(message, "timed out") ? "the server no longer answers"
                                                                           : "ended by the server";
  if (!sent)
    return fail(err, LPOD_E_CONNECT, "ConnectionLost", "%s: connection lost before anything was sent: %s", http->peer,
                cause);
  return fail(err, LPOD_E_CUT, "ConnectionLost", "%s: connection lost before the whole answer came: %s%s%s%s",
              http->peer, cause, *message ? " (" : "", message, *message ? ")" : "");
}

lpod_rc lpod_http_failure(const lpod_http *http, CURL *easy, CURLcode code, const char *message, bool sent,
                          lpod_error *err) {
  const char *peer = http->peer;
  long os_errno = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
  if (!*message && code != CURLE_GOT_NOTHING) message = curl_easy_strerror(code);
  switch (code) {
  case CURLE_OUT_OF_MEMORY: return lpod_nomem(err);
  case CURLE_COULDNT_RESOLVE_HOST: return fail(err, LPOD_E_CONNECT, "Resolve", "cannot resolve the host of %s", peer);
  case CURLE_COULDNT_RESOLVE_PROXY:
    return fail(err, LPOD_E_CONNECT, "Resolve", "%s: cannot resolve the proxy's host", peer);
  case CURLE_COULDNT_CONNECT:
    if (os_errno == ECONNREFUSED) return fail(err, LPOD_E_CONNECT, "Refused", "connection refused by %s", peer);
    return fail(err, LPOD_E_CONNECT, "Connect", "cannot connect to %s: %s", peer,
                os_errno ? strerror((int)os_errno) : message);
  case CURLE_PROXY: return fail(err, LPOD_E_CONNECT, "Proxy", "%s: proxy: %s", peer, message);
  case CURLE_OPERATION_TIMEDOUT:
    return fail(err, LPOD_E_CONNECT, "ConnectTimeout", "no connection to %s within %d s", peer, LPOD_DIAL_SECONDS);
  case CURLE_SSL_CONNECT_ERROR:
    if (certificate_alert(message)) return lost(http, easy, message, sent, err);
    return handshake(http, easy, message, err);
  case CURLE_PEER_FAILED_VERIFICATION: return verification(http, easy, message, err);
  case CURLE_SSL_CERTPROBLEM:
    return fail(err, LPOD_E_TLS, "ClientCertificate", "%s: the client certificate or key cannot be used: %s", peer,
                message);
  case CURLE_SSL_CACERT_BADFILE:
    return fail(err, LPOD_E_TLS, "CertificateAuthority", "%s: the certificate authority data cannot be used: %s", peer,
                message);
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS: return fail(err, LPOD_E_TLS, "Handshake", "%s: TLS: %s", peer, message);
  case CURLE_WEIRD_SERVER_REPLY:
  case CURLE_UNSUPPORTED_PROTOCOL:
    return fail(err, LPOD_E_PARSE, "NotHTTP", "%s: the answer is not HTTP: %s", peer, message);
  default: return lost(http, easy, message, sent, err);
  }
}
