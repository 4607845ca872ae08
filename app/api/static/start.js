// Starts Swagger UI. The key of `/docs?apikey=KEY` is taken out of the address bar before anything else happens, so
// that it stays in no history and no bookmark, and is kept in this page's memory only: a reload asks for it again.
"use strict";

(function () {
  const SAFE = new Set(["GET", "HEAD"]);
  const address = new URL(window.location.href);
  const key = address.searchParams.get("apikey");
  if (key !== null) {
    address.searchParams.delete("apikey");
    window.history.replaceState(null, "", address.pathname + address.search + address.hash);
  }

  function hasKey(request) {
    return Boolean(request.headers["X-Api-Key"] || request.headers.Authorization);
  }

  // Only to our own origin, and never over a key that was given by "Authorize".
  function withKey(request) {
    const target = new URL(request.url, window.location.href);
    if (key && target.origin === window.location.origin && !hasKey(request)) {
      request.headers["X-Api-Key"] = key;
    }
    return request;
  }

  // A change by a session carries its CSRF token, asked for each time: a login elsewhere in this browser changes it.
  async function withToken(request) {
    const isOurs = new URL(request.url, window.location.href).origin === window.location.origin;
    if (isOurs && !hasKey(request) && !SAFE.has((request.method || "GET").toUpperCase())) {
      const reply = await fetch("api/auth/me", { credentials: "same-origin" });
      const token = reply.ok ? (await reply.json()).data.csrf_token : null;
      if (token) {
        request.headers["X-CSRF-Token"] = token;
      }
    }
    return request;
  }

  const ui = window.SwaggerUIBundle({
    url: "api/openapi.json",
    dom_id: "#swagger-ui",
    presets: [window.SwaggerUIBundle.presets.apis],
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    requestInterceptor: function (request) {
      return withToken(withKey(request));
    },
    onComplete: function () {
      if (key) {
        ui.preauthorizeApiKey("ApiKeyHeader", key);
      }
    },
  });
})();
